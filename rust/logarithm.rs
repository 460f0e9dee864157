//! A natural logarithm without branches or calls, so that loops over it can use vectors.

use std::f64::consts::{LN_2, SQRT_2};

/// ln(x) to about 1e-15 of relative error, for `x` from the smallest normal number up.
///
/// Zero and subnormal numbers count as the smallest normal one: here only x ln x is wanted,
/// and that is nothing in either case.
#[inline(always)] // into the vectorised loops, which a call would break up
pub fn ln(x: f64) -> f64 {
    const ONE: u64 = 1.0_f64.to_bits();
    let bits = if x > f64::MIN_POSITIVE { x } else { f64::MIN_POSITIVE }.to_bits();
    // x = mantissa * 2^exponent with mantissa in sqrt(1/2) .. sqrt(2).
    let mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | ONE);
    let large = mantissa > SQRT_2;
    let mantissa = if large { mantissa * 0.5 } else { mantissa };
    let exponent = (bits >> 52) as i32 - 1023 + i32::from(large);
    // ln m = 2 artanh(s) with s = (m - 1) / (m + 1), |s| < 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut series = 0.0;
    for denominator in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * square + 2.0 / denominator;
    }
    f64::from(exponent) * LN_2 + s * series
}

#[cfg(test)]
mod tests {
    use super::ln;

    #[test]
    fn agrees_with_the_standard_library() {
        for step in 1..20_000 {
            let x = f64::from(step) * 0.000_37;
            assert!((ln(x) - x.ln()).abs() <= 2e-15 * x.ln().abs().max(1.0), "{x}");
        }
        assert!((ln(1e-300) - 1e-300_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn one_has_no_logarithm_and_zero_no_weight() {
        assert_eq!(ln(1.0).to_bits(), 0.0_f64.to_bits());
        assert!((0.0 * ln(0.0)).abs() < f64::MIN_POSITIVE);
    }
}

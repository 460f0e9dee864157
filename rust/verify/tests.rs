use super::*;
use crate::preprocess::Preprocessor;

/// A smooth random picture: blobs of a few sizes.
fn picture(seed: u32, side: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let blobs: Vec<[f32; 4]> = (0..40)
        .map(|_| [random(), random(), 0.02 + 0.12 * random(), random() * 2.0 - 1.0])
        .collect();
    let value = |x: f32, y: f32| {
        let sum: f32 = blobs
            .iter()
            .map(|[u, v, size, weight]| {
                weight * (-((x - u).powi(2) + (y - v).powi(2)) / (2.0 * size * size)).exp()
            })
            .sum();
        (128.0 + 90.0 * sum).clamp(0.0, 255.0) as u8
    };
    let place = |at: usize| (at as f32 + 0.5) / side as f32;
    (0..side * side).map(|at| value(place(at % side), place(at / side))).collect()
}

fn signature(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    Preprocessor::default().signature(pixels, width, height)
}

fn cropped(pixels: &[u8], side: usize, x: usize, y: usize, width: usize, height: usize) -> Vec<u8> {
    let rows = (y..y + height).flat_map(|row| &pixels[row * side + x..row * side + x + width]);
    signature(&rows.copied().collect::<Vec<u8>>(), width as u32, height as u32)
}

fn turned(signature: &[u8], way: Orientation) -> Vec<u8> {
    let square: [[u8; 32]; 32] =
        std::array::from_fn(|y| std::array::from_fn(|x| signature[y * 32 + x]));
    way.turned(&square).as_flattened().to_vec()
}

fn one(a: &[u8], b: &[u8]) -> Registration {
    let both = [a, b].concat();
    register(&both, &[0], &[1], &Job::new(0, 1)).expect("two pictures")[0]
}

#[test]
fn a_picture_lies_on_itself_in_each_orientation() {
    for seed in 0..8 {
        let whole = signature(&picture(seed, 128), 128, 128);
        for way in Orientation::ALL {
            let found = one(&whole, &turned(&whole, way));
            assert!(found.correlation > 0.999 && found.detail > 0.99, "{found:?}");
            assert_eq!(found.orientation, way, "seed {seed}");
            assert!(found.area > 0.99 && !found.grown, "{found:?}");
        }
    }
}

#[test]
fn crops_are_found_both_ways_round() {
    for (seed, [x, y, width, height]) in
        [[0, 0, 64, 64], [40, 20, 70, 80], [13, 30, 100, 90], [5, 5, 118, 118], [60, 1, 66, 100]]
            .into_iter()
            .enumerate()
    {
        let pixels = picture(seed as u32, 128);
        let (whole, part) =
            (signature(&pixels, 128, 128), cropped(&pixels, 128, x, y, width, height));
        let share = (width * height) as f32 / (128.0 * 128.0);
        for (a, b, grown) in [(&whole, &part, false), (&part, &whole, true)] {
            let found = one(a, b);
            assert!(found.correlation > 0.98, "{x} {y} {width} {height}: {found:?}");
            assert!((found.area - share).abs() < 0.06, "{share}: {found:?}");
            assert_eq!(found.grown, grown, "{found:?}");
            assert_eq!(found.orientation, Orientation::ALL[0]);
        }
    }
}

#[test]
fn a_turned_crop_tells_how_it_was_turned() {
    let pixels = picture(3, 128);
    let whole = signature(&pixels, 128, 128);
    let part = cropped(&pixels, 128, 20, 30, 80, 80);
    for way in Orientation::ALL {
        let turned = turned(&part, way);
        assert_eq!(one(&whole, &turned).orientation, way);
        assert_eq!(one(&turned, &whole).orientation, way.inverse());
    }
}

#[test]
fn brightness_and_contrast_do_not_matter() {
    let whole = signature(&picture(5, 128), 128, 128);
    let pale: Vec<u8> = whole.iter().map(|value| 120 + value / 4).collect();
    let found = one(&whole, &pale);
    assert!(found.correlation > 0.99 && found.detail > 0.9, "{found:?}");
}

#[test]
fn strangers_do_not_agree_in_detail() {
    for seed in 0..30 {
        let (a, b) = (picture(seed, 128), picture(seed + 1000, 128));
        let found = one(&signature(&a, 128, 128), &signature(&b, 128, 128));
        assert!(found.correlation < 0.95 && found.detail < 0.7, "{found:?}");
    }
}

#[test]
fn flat_pictures_agree_with_nothing() {
    let flat = vec![200; LENGTH];
    for other in [signature(&picture(1, 64), 64, 64), flat.clone()] {
        let found = one(&flat, &other);
        assert!(found.correlation.abs() < 1e-6 && found.detail.abs() < 1e-6, "{found:?}");
    }
}

#[test]
fn threads_do_not_change_the_numbers() {
    let signatures: Vec<u8> =
        (0..12).flat_map(|seed| signature(&picture(seed / 2, 100), 100, 100)).collect();
    let pairs = || (0..12_u32).flat_map(|a| (a + 1..12).map(move |b| (a, b)));
    let (from, to): (Vec<u32>, Vec<u32>) = pairs().unzip();
    let numbers = |threads| {
        let found = register(&signatures, &from, &to, &Job::new(0, threads)).expect("pairs");
        found.iter().map(|one| (one.correlation, one.detail, one.area)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(1), numbers(8));
}

#[test]
fn pairs_that_cannot_be() {
    let job = Job::new(0, 1);
    assert!(register(&[0; LENGTH], &[0], &[1], &job).is_err());
    assert!(register(&[0; LENGTH], &[0, 0], &[0], &job).is_err());
    assert!(register(&[], &[], &[], &job).expect("no pairs").is_empty());
}

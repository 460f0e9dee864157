//! The eight ways to turn and flip a picture.

/// What brings the first picture to lie on the second, in the order of [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(u8);

/// `rot90` turns anticlockwise, as in Pillow; `transpose` mirrors at the main diagonal,
/// `transverse` at the other.
pub const NAMES: [&str; 8] =
    ["none", "flip_h", "flip_v", "rot180", "transpose", "rot90", "rot270", "transverse"];

impl Orientation {
    pub const ALL: [Self; 8] =
        [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5), Self(6), Self(7)];

    pub fn number(self) -> u8 {
        self.0
    }

    /// The one that takes the second picture back to the first.
    #[must_use]
    pub fn inverse(self) -> Self {
        match self.0 {
            5 => Self(6),
            6 => Self(5),
            _ => self,
        }
    }

    /// The place in a square picture of `side` that the place (x, y) of the turned one shows.
    #[inline(always)]
    pub fn source(self, x: usize, y: usize, side: usize) -> (usize, usize) {
        let last = side - 1;
        match self.0 {
            1 => (last - x, y),
            2 => (x, last - y),
            3 => (last - x, last - y),
            4 => (y, x),
            5 => (last - y, x),
            6 => (y, last - x),
            7 => (last - y, last - x),
            _ => (x, y),
        }
    }

    /// The square picture, turned.
    #[inline(always)]
    pub fn turned<T: Copy, const N: usize>(self, picture: &[[T; N]; N]) -> [[T; N]; N] {
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let (x, y) = self.source(x, y, N);
                picture[y][x]
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_there_and_back_gives_the_picture() {
        let picture: [[usize; 5]; 5] = std::array::from_fn(|y| std::array::from_fn(|x| 5 * y + x));
        let turned = Orientation::ALL.map(|way| way.turned(&picture));
        for (way, turned) in Orientation::ALL.into_iter().zip(&turned) {
            assert_eq!(way.inverse().turned(turned), picture, "{}", NAMES[way.number() as usize]);
        }
        for (number, one) in turned.iter().enumerate() {
            assert!(turned[..number].iter().all(|other| other != one), "all eight differ");
        }
    }

    #[test]
    fn names_mean_what_numpy_means() {
        // 0 1     rot90 (anticlockwise)  1 3
        // 2 3                            0 2
        let way = |name: &str| {
            let number = NAMES.iter().position(|known| *known == name).expect("a name");
            Orientation::ALL[number].turned(&[[0, 1], [2, 3]])
        };
        assert_eq!(way("rot90"), [[1, 3], [0, 2]]);
        assert_eq!(way("rot270"), [[2, 0], [3, 1]]);
        assert_eq!(way("flip_h"), [[1, 0], [3, 2]]);
        assert_eq!(way("flip_v"), [[2, 3], [0, 1]]);
        assert_eq!(way("transpose"), [[0, 2], [1, 3]]);
        assert_eq!(way("transverse"), [[3, 1], [2, 0]]);
    }
}

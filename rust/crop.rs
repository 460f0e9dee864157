//! Parts of pictures: boxes, upright or turned, cut out of what was decoded once.

use crate::decode::{Code, Failure, Picture};

/// A box as the user gave it.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// x and y of the four corners, clockwise from the box's own top left.
    pub corners: [f64; 8],
    /// Coordinates are shares of the picture's width and height, not pixels.
    pub relative: bool,
    /// Its sides are not those of the picture.
    pub rotated: bool,
}

/// What is done to every box.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Cut off what reaches beyond the picture; else such a box is bad.
    pub clip: bool,
    /// Added on the left and on the right, as a share of the width; and above and below.
    pub horizontal: f64,
    pub vertical: f64,
    /// Added on each side, in pixels.
    pub additive: f64,
}

/// So far beyond the border is a matter of rounding.
const ROUNDING: f64 = 0.5;

/// The pixels of a part of a picture.
pub fn cut(picture: &Picture, part: &Part, rules: Rules) -> Result<Picture, Failure> {
    let size = (f64::from(picture.width), f64::from(picture.height));
    let mut corners = part.corners;
    if part.relative {
        for point in corners.chunks_exact_mut(2) {
            point[0] *= size.0;
            point[1] *= size.1;
        }
    }
    if corners.iter().any(|value| !value.is_finite()) {
        return Err(bad("it has a coordinate that is no number".to_owned()));
    }
    if part.rotated {
        turned(picture, corners, rules, size)
    } else {
        upright(picture, [corners[0], corners[1], corners[4], corners[5]], rules, size)
    }
}

fn bad(detail: String) -> Failure {
    Failure::new(Code::BadBoundingBox, detail)
}

fn beyond(what: &str, size: (f64, f64)) -> Failure {
    bad(format!(
        "{what} reaches beyond the picture of {} x {} pixels (clip_boxes=True cuts it)",
        size.0, size.1
    ))
}

fn outside(x: f64, y: f64, size: (f64, f64)) -> bool {
    x < -ROUNDING || y < -ROUNDING || x > size.0 + ROUNDING || y > size.1 + ROUNDING
}

/// `sides` are left, top, right and bottom.
fn upright(
    picture: &Picture,
    sides: [f64; 4],
    rules: Rules,
    size: (f64, f64),
) -> Result<Picture, Failure> {
    let [left, top, right, bottom] = sides;
    let (width, height) = (right - left, bottom - top);
    let described = format!("a box of {width} x {height} at {left}, {top}");
    if width <= 0.0 || height <= 0.0 {
        return Err(bad(format!("{described} has no area")));
    }
    if !rules.clip && (outside(left, top, size) || outside(right, bottom, size)) {
        return Err(beyond(&described, size));
    }
    let (x_margin, y_margin) = margins(width, height, rules);
    let pixel = |value: f64, most: f64| value.round().clamp(0.0, most) as usize;
    let (x_first, x_end) = (pixel(left - x_margin, size.0), pixel(right + x_margin, size.0));
    let (y_first, y_end) = (pixel(top - y_margin, size.1), pixel(bottom + y_margin, size.1));
    if x_first == x_end || y_first == y_end {
        return Err(bad(format!("{described} holds no pixel of the picture")));
    }
    let stride = picture.width as usize * 3;
    let mut pixels = Vec::with_capacity((x_end - x_first) * (y_end - y_first) * 3);
    for row in picture.pixels.chunks_exact(stride).take(y_end).skip(y_first) {
        pixels.extend_from_slice(&row[x_first * 3..x_end * 3]);
    }
    Ok(Picture { width: (x_end - x_first) as u32, height: (y_end - y_first) as u32, pixels })
}

fn margins(width: f64, height: f64, rules: Rules) -> (f64, f64) {
    (width * rules.horizontal + rules.additive, height * rules.vertical + rules.additive)
}

/// Turned upright, by bilinear interpolation; beyond the border the nearest pixel stands.
fn turned(
    picture: &Picture,
    corners: [f64; 8],
    rules: Rules,
    size: (f64, f64),
) -> Result<Picture, Failure> {
    let [x, y, x_right, y_right, _, _, x_below, y_below] = corners;
    let along = (x_right - x, y_right - y);
    let down = (x_below - x, y_below - y);
    let (width, height) = (along.0.hypot(along.1), down.0.hypot(down.1));
    let described = format!("a rotated box of {width:.1} x {height:.1} at {x}, {y}");
    if width < 0.5 || height < 0.5 {
        return Err(bad(format!("{described} has no area")));
    }
    let points = || corners.chunks_exact(2);
    if !rules.clip && points().any(|point| outside(point[0], point[1], size)) {
        return Err(beyond(&described, size));
    }
    // More than the picture can fill makes a large picture of nothing.
    let longest = 2.0 * size.0.hypot(size.1);
    if width > longest || height > longest {
        return Err(bad(format!("{described} is far larger than the picture")));
    }
    let centre = (x + f64::midpoint(along.0, down.0), y + f64::midpoint(along.1, down.1));
    if outside(centre.0, centre.1, size) && points().all(|point| outside(point[0], point[1], size))
    {
        return Err(bad(format!("{described} lies outside the picture")));
    }
    let (x_margin, y_margin) = margins(width, height, rules);
    let x_unit = (along.0 / width, along.1 / width);
    let y_unit = (down.0 / height, down.1 / height);
    let columns = (width + 2.0 * x_margin).min(longest).round().max(1.0) as usize;
    let rows = (height + 2.0 * y_margin).min(longest).round().max(1.0) as usize;
    let mut pixels = Vec::with_capacity(columns * rows * 3);
    for row in 0..rows {
        let v = row as f64 + 0.5 - rows as f64 / 2.0;
        for column in 0..columns {
            let u = column as f64 + 0.5 - columns as f64 / 2.0;
            let at_x = centre.0 + u * x_unit.0 + v * y_unit.0 - 0.5;
            let at_y = centre.1 + u * x_unit.1 + v * y_unit.1 - 0.5;
            pixels.extend_from_slice(&sample(picture, at_x, at_y));
        }
    }
    Ok(Picture { width: columns as u32, height: rows as u32, pixels })
}

/// The colour between the four pixels around a point, whose centres have whole coordinates.
fn sample(picture: &Picture, x: f64, y: f64) -> [u8; 3] {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let x = x.clamp(0.0, (width - 1) as f64);
    let y = y.clamp(0.0, (height - 1) as f64);
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (x_share, y_share) = (x - left as f64, y - top as f64);
    let at = |x: usize, y: usize, channel: usize| {
        f64::from(picture.pixels[(y * width + x) * 3 + channel])
    };
    std::array::from_fn(|channel| {
        let above = at(left, top, channel) * (1.0 - x_share) + at(right, top, channel) * x_share;
        let below =
            at(left, bottom, channel) * (1.0 - x_share) + at(right, bottom, channel) * x_share;
        (above * (1.0 - y_share) + below * y_share).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pixel has a colour of its own.
    fn picture(width: u32, height: u32) -> Picture {
        let pixels = (0..height)
            .flat_map(|y| (0..width).map(move |x| [x as u8, y as u8, (x ^ y) as u8]))
            .flatten()
            .collect();
        Picture { width, height, pixels }
    }

    fn part(left: f64, top: f64, right: f64, bottom: f64) -> Part {
        let corners = [left, top, right, top, right, bottom, left, bottom];
        Part { corners, relative: false, rotated: false }
    }

    fn first_and_last(picture: &Picture) -> ([u8; 2], [u8; 2]) {
        let last = picture.pixels.len() - 3;
        let at = |index: usize| [picture.pixels[index], picture.pixels[index + 1]];
        (at(0), at(last))
    }

    fn code(outcome: Result<Picture, Failure>) -> Option<Code> {
        outcome.err().map(|failure| failure.code)
    }

    #[test]
    fn an_upright_box_is_cut_to_the_pixel() {
        let whole = picture(40, 30);
        let inside = cut(&whole, &part(10.0, 5.0, 22.0, 14.0), Rules::default()).expect("good");
        assert_eq!((inside.width, inside.height), (12, 9));
        assert_eq!(first_and_last(&inside), ([10, 5], [21, 13]));
        let rounded = cut(&whole, &part(9.6, 4.6, 22.4, 13.5), Rules::default()).expect("good");
        assert_eq!(first_and_last(&rounded), ([10, 5], [21, 13]));
        let shares = Part { relative: true, ..part(0.25, 0.5, 0.75, 1.0) };
        let inside = cut(&whole, &shares, Rules::default()).expect("good");
        assert_eq!(first_and_last(&inside), ([10, 15], [29, 29]));
    }

    #[test]
    fn a_box_beyond_the_border_is_bad_unless_it_may_be_cut() {
        let whole = picture(40, 30);
        let clip = Rules { clip: true, ..Rules::default() };
        for sides in [[-3.0, 5.0, 10.0, 9.0], [30.0, 5.0, 45.0, 9.0], [1.0, 25.0, 9.0, 31.0]] {
            let part = part(sides[0], sides[1], sides[2], sides[3]);
            assert_eq!(code(cut(&whole, &part, Rules::default())), Some(Code::BadBoundingBox));
            assert!(cut(&whole, &part, clip).is_ok());
        }
        let almost = part(-0.4, -0.4, 40.4, 30.4);
        let all = cut(&whole, &almost, Rules::default()).expect("rounding");
        assert_eq!((all.width, all.height), (40, 30));
        for nowhere in
            [part(50.0, 5.0, 60.0, 9.0), part(5.0, 5.0, 5.0, 9.0), part(9.0, 9.0, 5.0, 12.0)]
        {
            assert_eq!(code(cut(&whole, &nowhere, clip)), Some(Code::BadBoundingBox));
        }
        for value in [f64::NAN, f64::INFINITY] {
            let part = part(value, 5.0, 10.0, 9.0);
            assert_eq!(code(cut(&whole, &part, clip)), Some(Code::BadBoundingBox));
        }
    }

    #[test]
    fn margins_widen_a_box_as_far_as_the_picture_goes() {
        let whole = picture(40, 30);
        let shares = Rules { horizontal: 0.2, vertical: 0.5, ..Rules::default() };
        let wide = cut(&whole, &part(10.0, 10.0, 20.0, 14.0), shares).expect("good");
        assert_eq!(first_and_last(&wide), ([8, 8], [21, 15]));
        let pixels = Rules { additive: 7.0, ..Rules::default() };
        let wide = cut(&whole, &part(3.0, 3.0, 10.0, 10.0), pixels).expect("good");
        assert_eq!(first_and_last(&wide), ([0, 0], [16, 16]));
    }

    #[test]
    fn a_rotated_box_is_turned_upright() {
        let whole = picture(40, 30);
        let corners = [10.0, 5.0, 22.0, 5.0, 22.0, 14.0, 10.0, 14.0];
        let level = Part { corners, relative: false, rotated: true };
        let straight = cut(&whole, &part(10.0, 5.0, 22.0, 14.0), Rules::default()).expect("good");
        let same = cut(&whole, &level, Rules::default()).expect("good");
        assert_eq!(same.pixels, straight.pixels);
        // The same part, begun at its top right corner: turned by 90 degrees.
        let mut next = corners;
        next.rotate_left(2);
        let quarter = Part { corners: next, ..level };
        let turned = cut(&whole, &quarter, Rules::default()).expect("good");
        assert_eq!((turned.width, turned.height), (9, 12));
        assert_eq!(first_and_last(&turned), ([21, 5], [10, 13]));
    }

    #[test]
    fn a_rotated_box_beyond_the_border_or_without_area_is_bad() {
        let whole = picture(40, 30);
        let diamond = |centre: f64, reach: f64| Part {
            corners: [
                centre - reach,
                15.0,
                centre,
                15.0 - reach,
                centre + reach,
                15.0,
                centre,
                15.0 + reach,
            ],
            relative: false,
            rotated: true,
        };
        let clip = Rules { clip: true, ..Rules::default() };
        assert!(cut(&whole, &diamond(20.0, 10.0), Rules::default()).is_ok());
        assert_eq!(
            code(cut(&whole, &diamond(5.0, 10.0), Rules::default())),
            Some(Code::BadBoundingBox)
        );
        assert!(cut(&whole, &diamond(5.0, 10.0), clip).is_ok());
        for nothing in [diamond(20.0, 0.1), diamond(200.0, 10.0), diamond(20.0, 1e9)] {
            assert_eq!(code(cut(&whole, &nothing, clip)), Some(Code::BadBoundingBox));
        }
    }
}

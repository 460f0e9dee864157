//! From the model's output tensor to one embedding per picture.

use crate::embed::Layout;
use crate::error::{Error, Result};

/// Where in an output of this shape the embeddings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// (n, d)
    None { dim: usize },
    /// (n, d, h, w): the mean over h and w.
    ChannelsFirst { dim: usize, area: usize },
    /// (n, h, w, d)
    ChannelsLast { dim: usize, area: usize },
}

impl Pooling {
    /// `shape` is that of a real output.
    pub fn of(shape: &[i64], layout: Layout) -> Result<Self> {
        let sides: Vec<usize> = shape.iter().map(|&side| side.max(0) as usize).collect();
        match (sides.as_slice(), layout) {
            (&[_, dim], _) if dim > 0 => Ok(Self::None { dim }),
            (&[_, dim, height, width], Layout::Nchw | Layout::Patches)
                if dim * height * width > 0 =>
            {
                Ok(Self::ChannelsFirst { dim, area: height * width })
            }
            (&[_, height, width, dim], Layout::Nhwc) if dim * height * width > 0 => {
                Ok(Self::ChannelsLast { dim, area: height * width })
            }
            _ => Err(Error::model(format!(
                "the model's output has shape {shape:?}; needed is one embedding per picture: \
                 rank 2 (n, d), or rank 4, which is averaged over its area. Name another output \
                 as `name` in the card's output"
            ))),
        }
    }

    pub fn dim(self) -> usize {
        match self {
            Self::None { dim }
            | Self::ChannelsFirst { dim, .. }
            | Self::ChannelsLast { dim, .. } => dim,
        }
    }

    /// Elements of the output per picture.
    pub fn stride(self) -> usize {
        match self {
            Self::None { dim } => dim,
            Self::ChannelsFirst { dim, area } | Self::ChannelsLast { dim, area } => dim * area,
        }
    }

    /// Appends the embedding of one picture.
    pub fn append(self, values: &[f32], target: &mut Vec<f32>) {
        match self {
            Self::None { .. } => target.extend_from_slice(values),
            Self::ChannelsFirst { area, .. } => {
                target.extend(
                    values.chunks_exact(area).map(|plane| plane.iter().sum::<f32>() / area as f32),
                );
            }
            Self::ChannelsLast { dim, area } => target.extend((0..dim).map(|channel| {
                values.iter().skip(channel).step_by(dim).sum::<f32>() / area as f32
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_four_is_averaged_over_the_area() {
        let mut first = Vec::new();
        let pooling = Pooling::of(&[1, 2, 1, 2], Layout::Nchw).expect("rank 4");
        pooling.append(&[1.0, 3.0, 10.0, 30.0], &mut first);
        assert_eq!(first, [2.0, 20.0]);
        let mut last = Vec::new();
        let pooling = Pooling::of(&[1, 1, 2, 2], Layout::Nhwc).expect("rank 4");
        pooling.append(&[1.0, 10.0, 3.0, 30.0], &mut last);
        assert_eq!(last, [2.0, 20.0]);
    }

    #[test]
    fn a_sequence_of_tokens_is_refused() {
        let error = Pooling::of(&[1, 197, 384], Layout::Nchw).expect_err("rank 3");
        assert!(error.to_string().contains("[1, 197, 384]"));
    }
}

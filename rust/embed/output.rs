//! From the model's output tensor to one embedding per picture.

use crate::embed::Layout;
use crate::error::{Error, Result};

/// What becomes of an output of tokens, as transformers have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// The first stands for the picture.
    First,
    /// All are averaged.
    Mean,
}

impl Tokens {
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "first" => Ok(Self::First),
            "mean" => Ok(Self::Mean),
            _ => Err(Error::argument(format!("pool {name:?}: use first or mean"))),
        }
    }
}

/// Where in an output of this shape the embeddings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// (n, d)
    None { dim: usize },
    /// (n, t, d): the first of t tokens.
    First { dim: usize, tokens: usize },
    /// (n, d, h, w): the mean over h and w.
    ChannelsFirst { dim: usize, area: usize },
    /// (n, h, w, d), or (n, t, d)
    ChannelsLast { dim: usize, area: usize },
}

impl Pooling {
    /// `shape` is that of a real output.
    pub fn of(shape: &[i64], layout: Layout, pool: Option<Tokens>) -> Result<Self> {
        let sides: Vec<usize> = shape.iter().map(|&side| side.max(0) as usize).collect();
        match (sides.as_slice(), layout) {
            (&[_, dim], _) if dim > 0 => Ok(Self::None { dim }),
            (&[_, tokens, dim], _) if tokens * dim > 0 && pool.is_some() => Ok(match pool {
                Some(Tokens::Mean) => Self::ChannelsLast { dim, area: tokens },
                _ => Self::First { dim, tokens },
            }),
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
                 as `name` in the card's output, or, for rank 3, say `pool`: \"first\" or \"mean\""
            ))),
        }
    }

    pub fn dim(self) -> usize {
        match self {
            Self::None { dim }
            | Self::First { dim, .. }
            | Self::ChannelsFirst { dim, .. }
            | Self::ChannelsLast { dim, .. } => dim,
        }
    }

    /// Elements of the output per picture.
    pub fn stride(self) -> usize {
        match self {
            Self::None { dim } => dim,
            Self::First { dim, tokens } => dim * tokens,
            Self::ChannelsFirst { dim, area } | Self::ChannelsLast { dim, area } => dim * area,
        }
    }

    /// Appends the embedding of one picture.
    pub fn append(self, values: &[f32], target: &mut Vec<f32>) {
        match self {
            Self::None { .. } => target.extend_from_slice(values),
            Self::First { dim, .. } => target.extend_from_slice(&values[..dim]),
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
        let pooling = Pooling::of(&[1, 2, 1, 2], Layout::Nchw, None).expect("rank 4");
        pooling.append(&[1.0, 3.0, 10.0, 30.0], &mut first);
        assert_eq!(first, [2.0, 20.0]);
        let mut last = Vec::new();
        let pooling = Pooling::of(&[1, 1, 2, 2], Layout::Nhwc, None).expect("rank 4");
        pooling.append(&[1.0, 10.0, 3.0, 30.0], &mut last);
        assert_eq!(last, [2.0, 20.0]);
    }

    #[test]
    fn tokens_are_pooled_as_the_card_says() {
        let pooled = |tokens| {
            let mut target = Vec::new();
            let pooling = Pooling::of(&[1, 2, 3], Layout::Nchw, Some(tokens)).expect("rank 3");
            assert_eq!((pooling.dim(), pooling.stride()), (3, 6));
            pooling.append(&[1.0, 2.0, 3.0, 11.0, 22.0, 33.0], &mut target);
            target
        };
        assert_eq!(pooled(Tokens::First), [1.0, 2.0, 3.0]);
        assert_eq!(pooled(Tokens::Mean), [6.0, 12.0, 18.0]);
    }

    #[test]
    fn a_sequence_of_tokens_is_refused() {
        let error = Pooling::of(&[1, 197, 384], Layout::Nchw, None).expect_err("rank 3");
        assert!(error.to_string().contains("[1, 197, 384]"));
    }
}

//! Nearly all nearest neighbors, from a navigable small-world graph (crate `instant-distance`).

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use instant_distance::{Builder, Hnsw, Point, PointId, Search};
use multiversion::multiversion;

use crate::distance::{Distance, Rows};
use crate::error::{Error, Result};
use crate::exact::Neighbors;
use crate::job::Job;
use crate::matrix::Matrix;
use crate::turns::in_turns;

/// How the graph is built and searched.
#[derive(Clone, Copy, Debug)]
pub struct Graph {
    pub seed: u64,
    /// Candidates looked at for each row that is put in.
    pub ef_construction: usize,
    /// Candidates looked at for each search; raised to `2 k` and to 64 where it is less.
    pub ef_search: usize,
}

/// Candidates beyond `k` whose exact similarity is worked out.
const SPARE: usize = 6;

/// Rows that one thread searches for before it looks for a stop.
const CHUNK: usize = 64;

/// As `exact_neighbors`, approximately; places for which no row was found hold `Neighbors::NONE`.
///
/// One thread and one seed always give the same graph. With more threads links that are made at
/// the same moment may be lost, so that a few neighbors may differ from run to run.
pub fn hnsw_neighbors(
    vectors: Matrix<'_>,
    k: usize,
    distance: Distance,
    graph: Graph,
    job: &Job,
) -> Result<Neighbors> {
    let measure = measure(distance)?;
    let rows = Rows::new(vectors, distance)?;
    let height = vectors.height();
    let k = crate::exact::reduce(k, height.saturating_sub(1), height)?;
    if k == 0 || graph.ef_construction == 0 {
        return empty(height, k, graph);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(job.threads()).build();
    let pool = pool.map_err(|error| {
        Error::argument(format!("{} threads cannot be started: {error}", job.threads()))
    })?;
    job.set_total(2 * height);
    let values = normalized(&rows, distance);
    let seen = Matrix::new(values.as_deref().unwrap_or(vectors.values()), vectors.width())?;
    let begun: Vec<_> = (0..height).map(|_| AtomicBool::new(false)).collect();
    let shared = Shared { measure, job, begun: &begun };
    unless_stopped(|| {
        let index = pool.install(|| Index::build(seen, &shared, k, graph));
        job.check()?;
        job.advance(height.saturating_sub(job.done()));
        index.search(&rows, k, job)
    })
}

fn empty(height: usize, k: usize, graph: Graph) -> Result<Neighbors> {
    if graph.ef_construction == 0 {
        return Err(Error::argument("ef_construction is 0: let it be at least 1"));
    }
    Ok(Neighbors::empty(height, k))
}

/// How far apart two rows are, in any unit that grows with the distance.
type Measure = fn(&[f32], &[f32]) -> f32;

fn measure(distance: Distance) -> Result<Measure> {
    match distance {
        Distance::Cosine => Ok(|a, b| 1.0 - dot(a, b)),
        Distance::Euclidean => Ok(squared),
        _ => Err(Error::argument("hnsw knows the distances cosine and euclidean only")),
    }
}

/// Rows of length 1, for cosine only.
fn normalized(rows: &Rows<'_>, distance: Distance) -> Option<Vec<f32>> {
    let row = |row| {
        let factor = 1.0 / rows.norm(row);
        rows.matrix.row(row).iter().map(move |&value| (f64::from(value) * factor) as f32)
    };
    (distance == Distance::Cosine).then(|| (0..rows.matrix.height()).flat_map(row).collect())
}

/// What a stop throws through the builder, which cannot be asked to end.
struct StopMarker;

/// Runs `work` and turns a `StopMarker` thrown in it into an error; other panics go on.
fn unless_stopped<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Nothing that `work` has half done outlives it, so that nobody sees a broken state.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        if panic.is::<StopMarker>() { Err(Error::Stopped) } else { resume_unwind(panic) }
    })
}

/// What all rows of one job have in common.
struct Shared<'a> {
    measure: Measure,
    job: &'a Job,
    /// Per row: whether it is in the graph, or about to be.
    begun: &'a [AtomicBool],
}

/// A row as the builder sees it. The builder copies its points, so that they only borrow.
#[derive(Clone)]
struct Row<'a> {
    values: &'a [f32],
    id: usize,
    shared: &'a Shared<'a>,
}

impl Row<'_> {
    /// A row first measures from itself when it is put into the graph: this is one step.
    fn begin(&self) {
        let begun = &self.shared.begun[self.id];
        if !begun.load(Ordering::Relaxed) && !begun.swap(true, Ordering::Relaxed) {
            self.shared.job.advance(1);
        }
    }
}

impl Point for Row<'_> {
    fn distance(&self, other: &Self) -> f32 {
        if self.shared.job.is_stopped() {
            // Unwinds without the message that `panic!` would print.
            resume_unwind(Box::new(StopMarker));
        }
        self.begin();
        (self.shared.measure)(self.values, other.values)
    }
}

/// The graph, and which row each of its points is.
struct Index<'a> {
    graph: Hnsw<Row<'a>>,
    points: Vec<PointId>,
    rows: Vec<u32>,
}

impl<'a> Index<'a> {
    fn build(matrix: Matrix<'a>, shared: &'a Shared<'a>, k: usize, graph: Graph) -> Self {
        let row = |id| Row { values: matrix.row(id), id, shared };
        let points = (0..matrix.height()).map(row).collect();
        let builder = Builder::default()
            .seed(graph.seed)
            .ef_construction(graph.ef_construction)
            .ef_search(graph.ef_search.max(2 * k).max(64));
        let (graph, points) = builder.build_hnsw(points);
        let mut rows = vec![0; points.len()];
        for (row, point) in points.iter().enumerate() {
            rows[point.into_inner() as usize] = row as u32;
        }
        Self { graph, points, rows }
    }

    /// The neighbors of all rows.
    fn search(&self, rows: &Rows<'_>, k: usize, job: &Job) -> Result<Neighbors> {
        let height = self.rows.len();
        let result = Mutex::new(Neighbors::empty(height, k));
        let work = |search: &mut Search, chunk: usize| {
            let chunk = chunk * CHUNK..((chunk + 1) * CHUNK).min(height);
            let found: Vec<_> = chunk.clone().map(|row| self.find(rows, row, k, search)).collect();
            let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
            chunk.clone().zip(found).for_each(|(row, found)| result.write(row, found));
            job.advance(chunk.len());
            Ok(())
        };
        in_turns(job, height.div_ceil(CHUNK), Search::default, work)?;
        Ok(result.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The neighbors of one row, itself left out by its number: a twin may come before it.
    fn find(&self, rows: &Rows<'_>, row: usize, k: usize, search: &mut Search) -> Vec<(u32, f32)> {
        let found = self.graph.search(&self.graph[self.points[row]], search);
        let others = found.map(|item| self.rows[item.pid.into_inner() as usize]);
        let mut best: Vec<_> = others
            .filter(|&other| other as usize != row)
            .take(k + SPARE)
            .map(|other| (other, rows.similarity(row, rows, other as usize)))
            .collect();
        best.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        best.truncate(k);
        best
    }
}

/// Sums kept side by side: enough chains that the processor need not wait for an addition.
const LANES: usize = 64;

macro_rules! sum_pairs {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $term:expr) => {{
        let mut lanes = [0.0_f32; LANES];
        let (a, a_rest) = $a.as_chunks::<LANES>();
        let (b, b_rest) = $b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                let ($x, $y) = (a[lane], b[lane]);
                lanes[lane] += $term;
            }
        }
        for (lane, (&$x, &$y)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
            *lane += $term;
        }
        // By halves: one addition after the other would take longer than all before.
        for half in [32, 16, 8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0]
    }};
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_pairs!(a, b, |x, y| x * y)
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn squared(a: &[f32], b: &[f32]) -> f32 {
    sum_pairs!(a, b, |x, y| (x - y) * (x - y))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Graph, hnsw_neighbors};
    use crate::distance::Distance;
    use crate::error::Error;
    use crate::exact::{Neighbors, exact_neighbors};
    use crate::job::Job;
    use crate::matrix::Matrix;
    use crate::testing::noise;

    const GRAPH: Graph = Graph { seed: 7, ef_construction: 100, ef_search: 100 };

    fn find(values: &[f32], width: usize, k: usize, threads: usize) -> Neighbors {
        let matrix = Matrix::new(values, width).unwrap();
        hnsw_neighbors(matrix, k, Distance::Cosine, GRAPH, &Job::new(0, threads)).unwrap()
    }

    #[test]
    fn finds_nearly_all_true_neighbors_and_never_itself() {
        let (width, k, values) = (16, 10, noise(16 * 1500, 3));
        let matrix = Matrix::new(&values, width).unwrap();
        for distance in [Distance::Cosine, Distance::Euclidean] {
            let job = Job::new(0, 2);
            let found = hnsw_neighbors(matrix, k, distance, GRAPH, &job).unwrap();
            assert_eq!((job.done(), job.total()), (3000, 3000));
            let truth = exact_neighbors(matrix, k, distance, &Job::new(0, 2)).unwrap();
            let rows = found.ids.chunks(k).zip(truth.ids.chunks(k)).enumerate();
            let mut hits = 0;
            for (row, (found, truth)) in rows {
                assert!(!found.contains(&(row as u32)));
                hits += found.iter().filter(|id| truth.contains(id)).count();
            }
            assert!(hits as f64 >= 0.95 * truth.ids.len() as f64, "{distance:?} {hits}");
        }
    }

    #[test]
    fn small_collections_work() {
        for height in 0..6 {
            let found = find(&noise(height * 5, 1), 5, 3, 1);
            assert_eq!(found.k, height.saturating_sub(1).min(3));
            assert_eq!(found.ids.len(), height * found.k);
            assert!(found.ids.iter().all(|&id| (id as usize) < height));
        }
    }

    #[test]
    fn one_thread_and_one_seed_give_one_answer() {
        let values = noise(12 * 600, 5);
        assert_eq!(find(&values, 12, 4, 1), find(&values, 12, 4, 1));
    }

    #[test]
    fn a_stop_ends_the_build_at_once() {
        let (job, values) = (Job::new(0, 2), noise(64 * 20_000, 9));
        let matrix = Matrix::new(&values, 64).unwrap();
        let stopped = std::thread::scope(|scope| {
            let build = scope.spawn(|| hnsw_neighbors(matrix, 5, Distance::Cosine, GRAPH, &job));
            while job.done() < 100 {
                std::thread::sleep(Duration::from_millis(1));
            }
            job.stop();
            let stopped = Instant::now();
            assert!(matches!(build.join().unwrap(), Err(Error::Stopped)));
            stopped
        });
        assert!(stopped.elapsed() < Duration::from_secs(1));
        assert!(job.done() < 10_000);
    }

    #[test]
    fn other_distances_are_refused() {
        let matrix = Matrix::new(&[1.0, 2.0], 1).unwrap();
        let result = hnsw_neighbors(matrix, 1, Distance::L1, GRAPH, &Job::new(0, 1));
        assert!(matches!(result, Err(Error::Argument(_))));
    }
}

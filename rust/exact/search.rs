//! Cosine and euclidean neighbors: screened by fast products, decided by exact similarities.
//!
//! The products keep a few more rows than asked for. Their exact similarities decide, unless a
//! row left out might still belong in by the rounding of its product: then all rows that come
//! into question are looked at. So the answer is the true one, whatever the processor.

use std::sync::{Mutex, PoisonError};

use super::Neighbors;
use super::screen::View;
use crate::error::Result;
use crate::job::Job;
use crate::products::{Kernel, Layout, Lists, Panels, Products, TopK, against, among_themselves};
use crate::turns::in_turns;

/// Rows kept beyond `k`, so that rounding seldom leaves a doubt.
const SPARE: usize = 6;

pub struct Search<'a> {
    /// None: the rows of the collection themselves, each without itself.
    pub queries: Option<&'a View<'a>>,
    pub collection: &'a View<'a>,
    pub k: usize,
    pub kernel: Kernel,
    pub job: &'a Job,
}

/// A query whose neighbors are not sure yet, and the score they all reach.
type Doubt = (usize, f32);

impl Search<'_> {
    pub fn run(&self) -> Result<Neighbors> {
        let collection = self.pack(self.collection);
        let lists = self.screen(&collection)?;
        let (mut found, mut doubts) = self.decide(&lists)?;
        drop(lists);
        if !doubts.is_empty() {
            doubts.sort_unstable_by_key(|&(query, _)| query);
            self.look_again(&collection, &doubts, &mut found)?;
        }
        Ok(found)
    }

    /// The best scores of every query.
    fn screen(&self, collection: &Panels) -> Result<Lists> {
        let kept = (self.k + SPARE).min(self.available());
        let Some(queries) = self.queries else {
            let lists = Lists::new(self.layout(collection), kept);
            let scores = self.products(collection, collection);
            return among_themselves(&scores, &lists, self.job).map(|()| lists);
        };
        let queries = self.pack(queries);
        let lists = Lists::new(self.layout(&queries), kept);
        let scores = self.products(&queries, collection);
        let chunks = self.layout(collection);
        against(&scores, &lists, chunks, None, self.job, &|own, query, score, row| {
            own.push(query, score, row);
        })?;
        Ok(lists)
    }

    /// The exact best among the rows kept, and the queries for which these may not be all.
    fn decide(&self, lists: &Lists) -> Result<(Neighbors, Vec<Doubt>)> {
        let height = self.view().rows.matrix.height();
        let result = Mutex::new((Neighbors::empty(height, self.k), Vec::new()));
        let decide = |keys: &mut Vec<u64>, block| {
            let mut own = lists.own(block);
            for query in lists.layout.block_rows(block).take_while(|&query| query < height) {
                let kept: Vec<_> = own.finish(query).collect();
                let best = self.rank(keys, query, kept.iter().map(|&(row, _)| row as usize));
                let floor = self.view().floor(query, best.last().map_or(0.0, |last| last.1));
                let left_out = kept.last().filter(|_| kept.len() < self.available());
                let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
                result.0.write(query, best);
                result.1.extend(left_out.filter(|last| last.1 >= floor).map(|_| (query, floor)));
            }
            Ok(())
        };
        in_turns(self.job, lists.layout.blocks(), Vec::new, decide)?;
        Ok(result.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at every row that comes into question for the doubtful queries.
    fn look_again(
        &self,
        collection: &Panels,
        doubts: &[Doubt],
        found: &mut Neighbors,
    ) -> Result<()> {
        let ids: Vec<_> = doubts.iter().map(|&(query, _)| query).collect();
        let queries = self.view().pack(&ids, self.kernel.panel);
        let lists = Lists::new(self.layout(&queries), self.k);
        let mut floors: Vec<_> = doubts.iter().map(|&(_, floor)| floor).collect();
        floors.resize(queries.count() * self.kernel.panel, f32::INFINITY);
        let scores = self.products(&queries, collection);
        let chunks = self.layout(collection);
        against(&scores, &lists, chunks, Some(&floors), self.job, &|own, place, _, row| {
            // Once a query has `k` equals, later equals need no closer look.
            if !self.is_self(ids[place], row) && own.wants(place, 1.0, row) {
                own.push(place, self.similarity(ids[place], row), row);
            }
        })?;
        for block in 0..lists.layout.blocks() {
            let mut own = lists.own(block);
            for place in lists.layout.block_rows(block).take_while(|&place| place < ids.len()) {
                found.write(ids[place], own.finish(place));
            }
        }
        Ok(())
    }

    /// The `k` most similar of some rows.
    fn rank(
        &self,
        keys: &mut Vec<u64>,
        query: usize,
        rows: impl Iterator<Item = usize>,
    ) -> Vec<(u32, f32)> {
        keys.clear();
        keys.resize(self.k, 0);
        for row in rows {
            TopK(keys).push(self.similarity(query, row), row as u32);
        }
        TopK(keys).into_sorted().collect()
    }

    fn similarity(&self, query: usize, row: usize) -> f32 {
        self.view().rows.similarity(query, self.collection.rows, row)
    }

    fn is_self(&self, query: usize, row: usize) -> bool {
        self.queries.is_none() && query == row
    }

    fn view(&self) -> &View<'_> {
        self.queries.unwrap_or(self.collection)
    }

    /// Rows that a query may have as neighbors.
    fn available(&self) -> usize {
        self.collection.rows.matrix.height() - usize::from(self.queries.is_none())
    }

    fn pack(&self, view: &View<'_>) -> Panels {
        let all: Vec<_> = (0..view.rows.matrix.height()).collect();
        view.pack(&all, self.kernel.panel)
    }

    fn layout(&self, panels: &Panels) -> Layout {
        Layout::new(panels.height(), panels.width(), panels.size(), self.job.threads())
    }

    fn products<'b>(&self, rows: &'b Panels, columns: &'b Panels) -> Products<'b> {
        Products { kernel: self.kernel, rows, columns }
    }
}

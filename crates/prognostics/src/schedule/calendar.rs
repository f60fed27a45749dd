//! The free time of one bay, technician or vehicle, and the number of vehicles over time.

use super::Window;

/// Stands for "no vehicle is needed": so far below zero that no workshop reaches it.
pub(super) const NO_DEMAND: i64 = -1_000_000_000;

/// Spans of free time in rising order, which neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Free(pub(super) Vec<(i64, i64)>);

impl Free {
    /// Joins the windows that touch or overlap, and cuts them to the span.
    pub(super) fn new(windows: &[Window], from: i64, to: i64) -> Self {
        let mut free = Self::default();
        for window in windows {
            free.give(window.from_ms.max(from), window.to_ms.min(to));
        }
        free
    }

    /// The first start at or after `at` with `duration` of free time, if it is before `limit`.
    pub(super) fn next(&self, at: i64, duration: i64, limit: i64) -> Option<i64> {
        let first = self.0.partition_point(|gap| gap.1 < at + duration);
        for gap in self.0.get(first..)? {
            let start = gap.0.max(at);
            if start >= limit {
                return None;
            }
            if start + duration <= gap.1 {
                return Some(start);
            }
        }
        None
    }

    /// The last start at or before `at` with `duration` of free time, if it is after `limit`.
    pub(super) fn last(&self, at: i64, duration: i64, limit: i64) -> Option<i64> {
        let after = self.0.partition_point(|gap| gap.0 <= at);
        for gap in self.0.get(..after)?.iter().rev() {
            let start = at.min(gap.1 - duration);
            if gap.1 <= limit {
                return None;
            }
            if start >= gap.0 {
                return (start > limit).then_some(start);
            }
        }
        None
    }

    /// Takes the span out, whether or not all of it was free.
    pub(super) fn take(&mut self, from: i64, to: i64) {
        let first = self.0.partition_point(|gap| gap.1 <= from);
        let last = self.0.partition_point(|gap| gap.0 < to);
        if first >= last {
            return;
        }
        let mut rest = Vec::with_capacity(2);
        if let Some(gap) = self.0.get(first).filter(|gap| gap.0 < from) {
            rest.push((gap.0, from));
        }
        if let Some(gap) = self.0.get(last - 1).filter(|gap| gap.1 > to) {
            rest.push((to, gap.1));
        }
        self.0.splice(first..last, rest);
    }

    /// Puts the span back and joins it with what it touches.
    pub(super) fn give(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        let first = self.0.partition_point(|gap| gap.1 < from);
        let last = self.0.partition_point(|gap| gap.0 <= to).max(first);
        let joined = self.0.get(first..last).unwrap_or_default();
        let low = joined.first().map_or(from, |gap| gap.0.min(from));
        let high = joined.last().map_or(to, |gap| gap.1.max(to));
        self.0.splice(first..last, [(low, high)]);
    }
}

/// How many vehicles are needed beyond those that are there, as steps over time. Positive numbers are missing vehicles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    /// The start of each step and the excess from there on.
    pub(super) steps: Vec<(i64, i64)>,
    /// The sum of missing vehicles over time, in vehicle-milliseconds.
    pub(super) missing_ms: i64,
}

impl Profile {
    /// A profile without any demand.
    pub(super) fn new() -> Self {
        Self { steps: vec![(i64::MIN, NO_DEMAND)], missing_ms: 0 }
    }

    /// The step that holds this time.
    pub(super) fn index(&self, at: i64) -> usize {
        self.steps.partition_point(|step| step.0 <= at).saturating_sub(1)
    }

    /// The steps that overlap the span, cut to it: from, to, excess.
    pub(super) fn span(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64, i64)> + '_ {
        let first = self.index(from);
        let ends = self.steps.iter().skip(first + 1).map(|step| step.0).chain([i64::MAX]);
        let steps = self.steps.iter().skip(first).zip(ends);
        steps.map(move |(step, end)| (step.0.max(from), end.min(to), step.1)).take_while(|(a, b, _)| a < b)
    }

    /// The vehicle-milliseconds that go missing when one more vehicle is away in the span.
    pub(super) fn extra_ms(&self, from: i64, to: i64) -> i64 {
        self.span(from, to).filter(|step| step.2 >= 0).map(|(a, b, _)| b - a).sum()
    }

    /// Adds to the excess in the span.
    pub(super) fn add(&mut self, from: i64, to: i64, vehicles: i64) {
        if from >= to {
            return;
        }
        self.missing_ms -= self.missing_in(from, to);
        let (first, last) = (self.split(from), self.split(to));
        // Splitting at the end can not move the step before it.
        if let Some(steps) = self.steps.get_mut(first..last) {
            for step in steps {
                step.1 += vehicles;
            }
        }
        self.missing_ms += self.missing_in(from, to);
        self.join(last);
        self.join(first);
    }

    /// The vehicle-milliseconds that are missing in the span.
    pub(super) fn missing_in(&self, from: i64, to: i64) -> i64 {
        self.span(from, to).map(|(a, b, excess)| excess.max(0) * (b - a)).sum()
    }

    /// Makes a step start at this time, and returns its place.
    fn split(&mut self, at: i64) -> usize {
        let index = self.index(at);
        match self.steps.get(index) {
            Some(step) if step.0 < at => {
                let excess = step.1;
                self.steps.insert(index + 1, (at, excess));
                index + 1
            }
            _ => index,
        }
    }

    /// Drops this step when it is as high as the one before.
    fn join(&mut self, index: usize) {
        let before = index.checked_sub(1).and_then(|i| self.steps.get(i)).map(|step| step.1);
        if before.is_some() && before == self.steps.get(index).map(|step| step.1) {
            self.steps.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_and_gives_back() {
        let window = |from_ms, to_ms| Window { from_ms, to_ms };
        let mut free = Free::new(&[window(0, 10), window(10, 20), window(30, 40)], 5, 100);
        assert_eq!(free.0, [(5, 20), (30, 40)]);
        free.take(8, 12);
        assert_eq!(free.0, [(5, 8), (12, 20), (30, 40)]);
        assert_eq!(free.next(0, 4, 100), Some(12));
        assert_eq!(free.next(17, 4, 100), Some(30));
        assert_eq!(free.next(17, 4, 30), None);
        assert_eq!((free.last(50, 4, 0), free.last(29, 4, 0), free.last(29, 4, 16)), (Some(36), Some(16), None));
        assert_eq!((free.last(14, 4, 0), free.last(14, 9, 0)), (Some(14), None));
        free.give(8, 12);
        assert_eq!(free.0, [(5, 20), (30, 40)]);
        free.take(0, 100);
        assert!(free.0.is_empty());
    }

    #[test]
    fn counts_missing_vehicles() {
        let mut profile = Profile::new();
        profile.add(0, 100, -1 - NO_DEMAND);
        assert_eq!((profile.missing_ms, profile.extra_ms(10, 20)), (0, 0));
        profile.add(10, 20, 1);
        assert_eq!((profile.missing_ms, profile.extra_ms(15, 30)), (0, 5));
        profile.add(15, 30, 1);
        assert_eq!(profile.missing_ms, 5);
        profile.add(10, 20, -1);
        profile.add(15, 30, -1);
        assert_eq!((profile.missing_ms, profile.steps.len()), (0, 3));
    }
}

//! The best assignment of a whole batch: as many rows as possible get a column, and of all such assignments the one of
//! least total cost.
//!
//! The Hungarian method with potentials and shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987), on a
//! rectangular matrix with forbidden pairs, O(rows² · columns). Ties go to the smaller index, so that the same matrix
//! always gives the same answer.

/// Costs beyond this, in either direction, are cut: 31 years of driving. It keeps every sum far inside 64 bits.
pub const COST_MAX: i64 = 1_000_000_000_000;

/// Costs of rows against columns; `None` forbids a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostMatrix {
    rows: usize,
    columns: usize,
    cells: Vec<Option<i64>>,
}

impl CostMatrix {
    /// A matrix in which every pair is forbidden.
    pub fn forbidden(rows: usize, columns: usize) -> Self {
        Self { rows, columns, cells: vec![None; rows * columns] }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The cost of a pair; `None` when it is forbidden or outside.
    pub fn get(&self, row: usize, column: usize) -> Option<i64> {
        if row >= self.rows || column >= self.columns {
            return None;
        }
        self.cells[row * self.columns + column]
    }

    /// Gives a pair a cost, or forbids it.
    pub fn set(&mut self, row: usize, column: usize, cost: Option<i64>) {
        if row < self.rows && column < self.columns {
            self.cells[row * self.columns + column] = cost.map(|cost| cost.clamp(-COST_MAX, COST_MAX));
        }
    }

    fn transposed(&self) -> Self {
        let mut other = Self::forbidden(self.columns, self.rows);
        for row in 0..self.rows {
            for column in 0..self.columns {
                other.set(column, row, self.get(row, column));
            }
        }
        other
    }
}

/// For each row its column. As many rows as possible have one; of these assignments it is the cheapest.
pub fn solve(costs: &CostMatrix) -> Vec<Option<usize>> {
    if costs.rows <= costs.columns {
        return solve_wide(costs);
    }
    let mut columns = vec![None; costs.rows];
    for (column, row) in solve_wide(&costs.transposed()).into_iter().enumerate() {
        if let Some(row) = row {
            columns[row] = Some(column);
        }
    }
    columns
}

/// The shortest augmenting paths of [`solve_wide`]: potentials and matches, with a sentinel at index 0.
struct Paths<'a> {
    costs: &'a CostMatrix,
    price: i128,
    row_potential: Vec<i128>,
    column_potential: Vec<i128>,
    row_of: Vec<usize>,
}

impl Paths<'_> {
    /// A forbidden pair has a price above every sum of allowed ones, so that one is used only where no more rows can
    /// be served without it.
    fn cost(&self, row: usize, column: usize) -> i128 {
        self.costs.get(row - 1, column - 1).map_or(self.price, i128::from)
    }

    fn augment(&mut self, row: usize) {
        let columns = self.costs.columns;
        let mut least = vec![i128::MAX; columns + 1];
        let mut came_from = vec![0; columns + 1];
        let mut visited = vec![false; columns + 1];
        self.row_of[0] = row;
        let mut at = 0;
        while self.row_of[at] != 0 {
            visited[at] = true;
            let row = self.row_of[at];
            let (mut delta, mut next) = (i128::MAX, 0);
            for column in (1..=columns).filter(|&column| !visited[column]) {
                let reduced = self.cost(row, column) - self.row_potential[row] - self.column_potential[column];
                if reduced < least[column] {
                    (least[column], came_from[column]) = (reduced, at);
                }
                if least[column] < delta {
                    (delta, next) = (least[column], column);
                }
            }
            for column in 0..=columns {
                if visited[column] {
                    self.row_potential[self.row_of[column]] += delta;
                    self.column_potential[column] -= delta;
                } else if least[column] != i128::MAX {
                    least[column] -= delta;
                }
            }
            at = next;
        }
        while at != 0 {
            self.row_of[at] = self.row_of[came_from[at]];
            at = came_from[at];
        }
    }
}

fn solve_wide(costs: &CostMatrix) -> Vec<Option<usize>> {
    let price = i128::from(COST_MAX) * 4 * (costs.rows as i128 + 1);
    let mut paths = Paths {
        costs,
        price,
        row_potential: vec![0; costs.rows + 1],
        column_potential: vec![0; costs.columns + 1],
        row_of: vec![0; costs.columns + 1],
    };
    for row in 1..=costs.rows {
        paths.augment(row);
    }
    let mut answer = vec![None; costs.rows];
    for column in 1..=costs.columns {
        let row = paths.row_of[column];
        if row != 0 && costs.get(row - 1, column - 1).is_some() {
            answer[row - 1] = Some(column - 1);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix(cells: &[Vec<Option<i64>>]) -> CostMatrix {
        let columns = cells.first().map_or(0, Vec::len);
        let mut matrix = CostMatrix::forbidden(cells.len(), columns);
        for (row, line) in cells.iter().enumerate() {
            for (column, cost) in line.iter().enumerate() {
                matrix.set(row, column, *cost);
            }
        }
        matrix
    }

    /// Rows served and total cost; every row on its own column.
    fn value(costs: &CostMatrix, answer: &[Option<usize>]) -> (usize, i64) {
        let mut used = std::collections::BTreeSet::new();
        let mut total = 0;
        for (row, column) in answer.iter().enumerate() {
            let Some(column) = *column else { continue };
            assert!(used.insert(column), "column {column} serves two rows");
            total += costs.get(row, column).expect("a forbidden pair was chosen");
        }
        (used.len(), total)
    }

    fn best(costs: &CostMatrix, row: usize, used: &mut Vec<bool>) -> (usize, i64) {
        if row == costs.rows() {
            return (0, 0);
        }
        let mut found = best(costs, row + 1, used);
        for column in 0..costs.columns() {
            let Some(cost) = costs.get(row, column).filter(|_| !used[column]) else { continue };
            used[column] = true;
            let (served, total) = best(costs, row + 1, used);
            used[column] = false;
            let candidate = (served + 1, total + cost);
            if candidate.0 > found.0 || candidate.0 == found.0 && candidate.1 < found.1 {
                found = candidate;
            }
        }
        found
    }

    fn check(cells: &[Vec<Option<i64>>], then: &[Option<usize>]) {
        assert_eq!(solve(&matrix(cells)), then, "{cells:?}");
    }

    #[test]
    fn small_batches() {
        check(&[], &[]);
        check(&[vec![]], &[None]);
        check(&[vec![None]], &[None]);
        check(&[vec![Some(5), Some(1)]], &[Some(1)]);
        // First come, first served would take 1 + 100.
        check(&[vec![Some(1), Some(2)], vec![Some(1), Some(100)]], &[Some(1), Some(0)]);
        // More rows than columns: the cheaper row is served.
        check(&[vec![Some(9)], vec![Some(-3)], vec![Some(4)]], &[None, Some(0), None]);
        // Serving both at any price beats serving one cheaply.
        check(&[vec![Some(0), None], vec![Some(0), Some(COST_MAX)]], &[Some(0), Some(1)]);
        check(&[vec![Some(3), Some(3)], vec![Some(3), Some(3)]], &[Some(0), Some(1)]);
    }

    fn cells() -> impl Strategy<Value = Vec<Vec<Option<i64>>>> {
        (0usize..=6, 0usize..=6).prop_flat_map(|(rows, columns)| {
            let cell = prop_oneof![1 => Just(None), 2 => (-20i64..20).prop_map(Some), 1 => (-COST_MAX..COST_MAX).prop_map(Some)];
            proptest::collection::vec(proptest::collection::vec(cell, columns), rows)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_assignment_is_better(cells in cells()) {
            let costs = matrix(&cells);
            let answer = solve(&costs);
            prop_assert_eq!(answer.len(), costs.rows());
            let mut used = vec![false; costs.columns()];
            prop_assert_eq!(value(&costs, &answer), best(&costs, 0, &mut used));
        }
    }
}

//! Regression trees as they are stored and evaluated.

use serde::{Deserialize, Serialize};

use super::model::ModelError;

/// Trees whose leaves are summed. They lie in one array, each split followed by its left child, so that a prediction goes
/// through little memory and allocates nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Forest {
    features: usize,
    base: f64,
    roots: Vec<u32>,
    nodes: Vec<Node>,
    /// What the examples under each node were predicted on average, for telling which split moved a prediction.
    means: Vec<f64>,
    /// How many examples were in each leaf.
    covers: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Node {
    /// The threshold of a split, under which values go left; the value of a leaf.
    value: f64,
    feature: u16,
    /// How far the right child is. The left one is the next node. A leaf has neither: it leads to itself.
    right: u16,
    left: u8,
    is_missing_left: bool,
}

/// The trees in preorder, without what follows from the order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub features: usize,
    pub base: f64,
    /// 0 is a leaf. A split by feature n is n + 1, or -(n + 1) where missing values go left.
    pub splits: Vec<i32>,
    pub thresholds: Vec<f64>,
    pub leaves: Vec<f32>,
    /// How many examples were in each leaf.
    pub covers: Vec<u32>,
}

impl From<Forest> for Stored {
    fn from(forest: Forest) -> Self {
        let mut stored =
            Self { features: forest.features, base: forest.base, covers: forest.covers, ..Self::default() };
        for node in &forest.nodes {
            if node.left == 0 {
                stored.splits.push(0);
                stored.leaves.push(node.value as f32);
            } else {
                let feature = i32::from(node.feature) + 1;
                stored.splits.push(if node.is_missing_left { -feature } else { feature });
                stored.thresholds.push(node.value);
            }
        }
        stored
    }
}

impl TryFrom<Stored> for Forest {
    type Error = ModelError;

    fn try_from(stored: Stored) -> Result<Self, ModelError> {
        Builder::default().build(stored)
    }
}

/// A split of which not all is known yet.
struct Open {
    place: usize,
    /// The mean and the cover of its left child, once that is built.
    left: Option<(f64, f64)>,
}

#[derive(Default)]
struct Builder {
    roots: Vec<u32>,
    nodes: Vec<Node>,
    means: Vec<f64>,
    open: Vec<Open>,
}

impl Builder {
    fn build(mut self, stored: Stored) -> Result<Forest, ModelError> {
        let Stored { features, base, splits, thresholds, leaves, covers } = stored;
        if !(1..usize::from(u16::MAX)).contains(&features) || !base.is_finite() || leaves.len() != covers.len() {
            return Err(ModelError::Damaged("its features, base or leaves make no sense"));
        }
        if u32::try_from(splits.len()).is_err() {
            return Err(ModelError::Damaged("it has too many nodes"));
        }
        let mut unused_thresholds = thresholds.iter();
        let mut unused_leaves = leaves.iter().zip(&covers);
        for split in splits {
            if self.open.is_empty() {
                self.roots.push(self.nodes.len() as u32);
            }
            match split.unsigned_abs() as usize {
                0 => self.leaf(unused_leaves.next())?,
                number if number <= features => self.split(number - 1, split < 0, unused_thresholds.next())?,
                _ => return Err(ModelError::Damaged("a split is by a feature that is not there")),
            }
        }
        if !self.open.is_empty() || unused_thresholds.next().is_some() || unused_leaves.next().is_some() {
            return Err(ModelError::Damaged("a tree is cut off"));
        }
        Ok(Forest { features, base, roots: self.roots, nodes: self.nodes, means: self.means, covers })
    }

    fn split(&mut self, feature: usize, is_missing_left: bool, threshold: Option<&f64>) -> Result<(), ModelError> {
        let Some(value) = threshold.copied().filter(|threshold| threshold.is_finite()) else {
            return Err(ModelError::Damaged("a split has no threshold"));
        };
        self.open.push(Open { place: self.nodes.len(), left: None });
        self.push(Node { value, feature: feature as u16, right: 0, left: 1, is_missing_left }, 0.0);
        Ok(())
    }

    fn leaf(&mut self, leaf: Option<(&f32, &u32)>) -> Result<(), ModelError> {
        let Some((value, cover)) = leaf.filter(|(value, cover)| value.is_finite() && **cover > 0) else {
            return Err(ModelError::Damaged("a leaf has no value"));
        };
        let value = f64::from(*value);
        self.push(Node { value, feature: 0, right: 0, left: 0, is_missing_left: false }, value);
        self.close(value, f64::from(*cover))
    }

    fn push(&mut self, node: Node, mean: f64) {
        self.nodes.push(node);
        self.means.push(mean);
    }

    /// Ends the subtree that was built last, and all those that it completes.
    fn close(&mut self, mut mean: f64, mut cover: f64) -> Result<(), ModelError> {
        while let Some(mut open) = self.open.pop() {
            let Some((left_mean, left_cover)) = open.left else {
                self.nodes[open.place].right =
                    u16::try_from(self.nodes.len() - open.place).or(Err(ModelError::Damaged("a tree is too large")))?;
                open.left = Some((mean, cover));
                self.open.push(open);
                return Ok(());
            };
            mean = (left_mean * left_cover + mean * cover) / (left_cover + cover);
            cover += left_cover;
            self.means[open.place] = mean;
        }
        Ok(())
    }
}

impl Forest {
    pub fn features(&self) -> usize {
        self.features
    }

    /// The sum over the trees. The row must have as many values as there are [`Forest::features`].
    pub fn predict(&self, row: &[f64]) -> f64 {
        let mut sum = self.base;
        for root in &self.roots {
            let mut place = *root as usize;
            let leaf = loop {
                let node = &self.nodes[place];
                if node.left == 0 {
                    break node;
                }
                place += node.step(row);
            };
            sum += leaf.value;
        }
        sum
    }

    /// What each feature added to the prediction: along the path of the row through each tree, how each split changed the
    /// mean of the examples under it (Saabas). With [`Forest::mean`] they sum up to the prediction.
    pub fn contributions(&self, row: &[f64]) -> Vec<f64> {
        let mut contributions = vec![0.0; self.features];
        for root in &self.roots {
            let mut place = *root as usize;
            while self.nodes[place].left != 0 {
                let node = &self.nodes[place];
                let next = place + node.step(row);
                contributions[usize::from(node.feature)] += self.means[next] - self.means[place];
                place = next;
            }
        }
        contributions
    }

    /// What the examples were predicted on average.
    #[cfg(test)]
    pub fn mean(&self) -> f64 {
        self.base + self.roots.iter().map(|root| self.means[*root as usize]).sum::<f64>()
    }
}

impl Node {
    /// How far the child is that the row goes to, 0 from a leaf.
    fn step(&self, row: &[f64]) -> usize {
        let value = row[usize::from(self.feature)];
        let is_left = (value < self.value) | (value.is_nan() & self.is_missing_left);
        usize::from(if is_left { u16::from(self.left) } else { self.right })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x0 < 1 ? (x1 < 5 ? 1 : 2, missing left) : 4, and a tree that is one leaf.
    fn stored() -> Stored {
        Stored {
            features: 2,
            base: 10.0,
            splits: vec![1, -2, 0, 0, 0, 0],
            thresholds: vec![1.0, 5.0],
            leaves: vec![1.0, 2.0, 4.0, 0.5],
            covers: vec![1, 3, 4, 8],
        }
    }

    #[test]
    fn a_row_ends_in_one_leaf_of_each_tree() {
        let forest = Forest::try_from(stored()).unwrap();
        let cases = [([0.0, 4.0], 11.5), ([0.0, 5.0], 12.5), ([0.0, f64::NAN], 11.5), ([1.0, 0.0], 14.5)];
        for (row, expected) in cases {
            assert!((forest.predict(&row) - expected).abs() < 1e-12, "{row:?}");
        }
        assert!((forest.predict(&[f64::NAN, 0.0]) - 14.5).abs() < 1e-12, "missing goes right");
    }

    #[test]
    fn contributions_sum_up_to_the_prediction() {
        let forest = Forest::try_from(stored()).unwrap();
        let contributions = forest.contributions(&[0.0, 5.0]);
        // The means are 2.875 at the root and 1.75 at the second split.
        assert!((contributions[0] - -1.125).abs() < 1e-12 && (contributions[1] - 0.25).abs() < 1e-12);
        assert!((forest.mean() + contributions.iter().sum::<f64>() - 12.5).abs() < 1e-12);
    }

    #[test]
    fn json_gives_the_same_forest() {
        let forest = Forest::try_from(stored()).unwrap();
        let read: Forest = serde_json::from_slice(&serde_json::to_vec(&forest).unwrap()).unwrap();
        assert_eq!(read, forest);
    }

    #[test]
    fn a_damaged_forest_is_refused() {
        let refused = |change: fn(&mut Stored)| {
            let mut stored = stored();
            change(&mut stored);
            Forest::try_from(stored).is_err()
        };
        assert!(!refused(|_| ()));
        assert!(refused(|stored| stored.features = 1));
        assert!(refused(|stored| stored.features = 0));
        assert!(refused(|stored| stored.base = f64::NAN));
        assert!(refused(|stored| stored.splits.truncate(4)));
        assert!(refused(|stored| stored.splits[0] = i32::MIN));
        assert!(refused(|stored| stored.splits.push(0)));
        assert!(refused(|stored| stored.thresholds[1] = f64::INFINITY));
        assert!(refused(|stored| stored.thresholds.push(1.0)));
        assert!(refused(|stored| stored.leaves[0] = f32::INFINITY));
        assert!(refused(|stored| stored.leaves.truncate(3)));
        assert!(refused(|stored| stored.covers[0] = 0));
        assert!(refused(|stored| stored.covers.push(1)));
    }
}

//! Gradient boosting by `forust-ml`, whose trees are turned into ours: its JSON is ten times as large, and it predicts from
//! matrices.

use forust_ml::gradientbooster::GrowPolicy;
use forust_ml::objective::ObjectiveType;
use forust_ml::sampler::SampleMethod;
use forust_ml::tree::Tree;
use forust_ml::{GradientBooster, Matrix};

use super::forest::{Forest, Stored};
use super::{Settings, TrainError};

/// Fewer examples than this make no leaf.
const LEAF_EXAMPLES: f32 = 20.0;

/// Fits `trees` trees to the targets by squared loss, on one thread.
pub fn fit(
    rows: &[&[f64]],
    targets: &[f64],
    trees: usize,
    seed: u64,
    settings: &Settings,
) -> Result<Forest, TrainError> {
    let features = rows.first().map_or(0, |row| row.len());
    let columns = transpose(rows, features);
    let matrix = Matrix::new(&columns, rows.len(), features);
    let mut booster = booster(features, rows.len(), trees, seed, settings);
    booster
        .fit(&matrix, targets, &vec![1.0; targets.len()], None)
        .map_err(|error| TrainError::Boosting(error.to_string()))?;
    Ok(Forest::try_from(flatten(&booster, features))?)
}

fn transpose(rows: &[&[f64]], features: usize) -> Vec<f64> {
    (0..features).flat_map(|feature| rows.iter().map(move |row| row[feature])).collect()
}

fn booster(features: usize, rows: usize, trees: usize, seed: u64, settings: &Settings) -> GradientBooster {
    let mut booster = GradientBooster::default()
        .set_objective_type(ObjectiveType::SquaredLoss)
        .set_iterations(trees)
        .set_learning_rate(settings.learning_rate as f32)
        .set_max_depth(settings.leaves)
        .set_max_leaves(settings.leaves)
        .set_l2(settings.l2 as f32)
        .set_min_leaf_weight(LEAF_EXAMPLES.min(rows as f32 / 20.0).max(1.0))
        .set_sample_method(SampleMethod::Random)
        .set_subsample(settings.subsample as f32)
        .set_colsample_bytree(column_share(features, settings.colsample))
        .set_initialize_base_score(true)
        .set_parallel(false)
        .set_seed(seed);
    booster.grow_policy = GrowPolicy::LossGuide;
    booster
}

/// The share that makes `forust-ml`, which rounds down, take at least one of the columns.
fn column_share(features: usize, share: f64) -> f64 {
    let taken = (features as f64 * share).ceil().max(1.0);
    if taken >= features as f64 { 1.0 } else { (taken + 0.5) / features as f64 }
}

fn flatten(booster: &GradientBooster, features: usize) -> Stored {
    let mut stored = Stored { features, base: booster.base_score, ..Stored::default() };
    for tree in &booster.trees {
        append(tree, &mut stored);
    }
    stored
}

/// Appends the nodes of a tree in preorder.
fn append(tree: &Tree, stored: &mut Stored) {
    let mut places = vec![0];
    while let Some(node) = places.pop().and_then(|place| tree.nodes.get(place)) {
        if node.is_leaf {
            stored.splits.push(0);
            stored.leaves.push(node.weight_value);
            // A tree that found nothing to split on may be grown from no example, where the sample left all of them out.
            stored.covers.push((node.hessian_sum.round() as u32).max(1));
        } else {
            let feature = i32::try_from(node.split_feature + 1).unwrap_or(i32::MAX);
            stored.splits.push(if node.missing_node == node.left_child { -feature } else { feature });
            stored.thresholds.push(node.split_value);
            places.extend([node.right_child, node.left_child]);
        }
    }
}

#[cfg(test)]
mod tests {
    use forust_ml::gradientbooster::ContributionsMethod;

    use super::*;
    use crate::metrics;
    use crate::rng::SplitMix64;

    fn table(rows: usize, features: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut random = SplitMix64::new(5);
        let mut value = || match random.below(12) {
            0 => f64::NAN,
            number => number as f64 + random.below(1_000) as f64 / 777.0,
        };
        let rows: Vec<Vec<f64>> = (0..rows).map(|_| (0..features).map(|_| value()).collect()).collect();
        let known = |value: f64| if value.is_nan() { 20.0 } else { value };
        let targets = rows.iter().map(|row| known(row[0]) * known(row[1]) - known(row[features - 1])).collect();
        (rows, targets)
    }

    fn settings() -> Settings {
        Settings { trees: 40, learning_rate: 0.1, ..Settings::new(1, 125.0) }
    }

    #[test]
    fn our_trees_predict_and_explain_as_those_of_the_library() {
        let (rows, targets) = table(400, 6);
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let columns = transpose(&rows, 6);
        let matrix = Matrix::new(&columns, rows.len(), 6);
        let mut theirs = booster(6, rows.len(), 40, 9, &settings());
        theirs.fit(&matrix, &targets, &vec![1.0; targets.len()], None).unwrap();
        let ours = fit(&rows, &targets, 40, 9, &settings()).unwrap();
        let predicted = theirs.predict(&matrix, false);
        let explained = theirs.predict_contributions(&matrix, ContributionsMethod::Average, false);
        for (place, row) in rows.iter().enumerate() {
            assert_eq!(ours.predict(row).to_bits(), predicted[place].to_bits(), "row {place}");
            for (feature, contribution) in ours.contributions(row).iter().enumerate() {
                assert!((contribution - explained[place * 7 + feature]).abs() < 1e-3, "row {place}, feature {feature}");
            }
        }
        let constant = vec![theirs.base_score; targets.len()];
        assert!(metrics::rmse(&targets, &predicted) < metrics::rmse(&targets, &constant) / 2.0, "it learned");
    }

    #[test]
    fn the_library_survives_columns_that_say_nothing() {
        let rows = vec![vec![f64::NAN, 1.0, f64::MAX]; 30];
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let forest = fit(&rows, &[7.0; 30], 5, 1, &settings()).unwrap();
        assert!((forest.predict(&[0.0, 0.0, 0.0]) - 7.0).abs() < 1e-6);
        let one = fit(&rows[..1], &[7.0], 5, 1, &settings()).unwrap();
        assert!((one.predict(&[0.0, 0.0, 0.0]) - 7.0).abs() < 1e-6);
    }

    #[test]
    fn a_tree_sees_at_least_one_column() {
        for features in 1..200 {
            let share = column_share(features, 0.3);
            let taken = if share == 1.0 { features } else { (features as f64 * share).floor() as usize };
            assert_eq!(taken, (features as f64 * 0.3).ceil() as usize);
        }
    }
}

//! The estimates against published numbers of real data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use prognostics::survival::{Curve, Lifetime, MeanCumulative, RepairHistory, Weibull};

/// Diesel generator fans (Nelson, "Applied Life Data Analysis", 1982; Meeker and Escobar 1998; data set `genfan` of the R
/// package `survival`): 12 failures and 58 censored fans, as (hours, failed, censored).
const FANS: [(f64, usize, usize); 34] = [
    (450.0, 1, 0),
    (460.0, 0, 1),
    (1150.0, 2, 0),
    (1560.0, 0, 1),
    (1600.0, 1, 0),
    (1660.0, 0, 1),
    (1850.0, 0, 5),
    (2030.0, 0, 3),
    (2070.0, 2, 0),
    (2080.0, 1, 0),
    (2200.0, 0, 1),
    (3000.0, 0, 4),
    (3100.0, 1, 0),
    (3200.0, 0, 1),
    (3450.0, 1, 0),
    (3750.0, 0, 2),
    (4150.0, 0, 4),
    (4300.0, 0, 4),
    (4600.0, 1, 0),
    (4850.0, 0, 4),
    (5000.0, 0, 3),
    (6100.0, 1, 3),
    (6300.0, 0, 1),
    (6450.0, 0, 2),
    (6700.0, 0, 1),
    (7450.0, 0, 1),
    (7800.0, 0, 2),
    (8100.0, 0, 2),
    (8200.0, 0, 1),
    (8500.0, 0, 3),
    (8750.0, 1, 2),
    (9400.0, 0, 1),
    (9900.0, 0, 1),
    (10100.0, 0, 3),
];

fn fans() -> Vec<Lifetime> {
    let mut fans = vec![Lifetime::censored(11500.0)];
    for (hours, failed, censored) in FANS {
        fans.extend(std::iter::repeat_n(Lifetime::failure(hours), failed));
        fans.extend(std::iter::repeat_n(Lifetime::censored(hours), censored));
    }
    fans
}

#[test]
fn weibull_agrees_with_the_published_fit_of_the_fans() {
    let fans = fans();
    assert_eq!((fans.len(), fans.iter().filter(|f| f.failed).count()), (70, 12));
    let fit = Weibull::fit(&fans).unwrap();
    // SAS/QC, procedure RELIABILITY, the example of the fans: shape 1.0584 and scale 26,296.8 hours.
    assert!((fit.shape - 1.0584).abs() < 5e-5, "{fit:?}");
    assert!((fit.scale - 26_296.8).abs() < 0.5, "{fit:?}");
    assert_eq!((fit.failures, fit.observations), (12, 70));
}

#[test]
fn fans_say_how_long_a_used_fan_lasts() {
    let fit = Weibull::fit(&fans()).unwrap();
    let lower = fit.remaining(5000.0, 0.2).unwrap();
    assert!((fit.probability_of_failure(5000.0, 5000.0 + lower).unwrap() - 0.2).abs() < 1e-12);
    let curve = Curve::estimate(&fans()).unwrap();
    // Too few failed to know the median without a model: the honest answer is none.
    assert_eq!(curve.remaining(0.0, 0.5), Ok(None));
    let last = curve.steps.last().unwrap();
    assert_eq!((last.at, curve.last_age), (8750.0, 11500.0));
    assert!(last.survival > 0.7 && last.survival < 0.8, "{last:?}");
}

/// Valve-seat replacements of 41 diesel engines (Nelson and Doganaksoy 1989; Meeker and Escobar 1998; data set `valveSeat` of the
/// R package `survival`), as (days observed, days of replacement).
const ENGINES: [(f64, &[f64]); 41] = [
    (761.0, &[]),
    (759.0, &[]),
    (667.0, &[98.0]),
    (667.0, &[326.0, 653.0, 653.0]),
    (665.0, &[]),
    (667.0, &[84.0]),
    (663.0, &[87.0]),
    (653.0, &[646.0]),
    (653.0, &[92.0]),
    (651.0, &[]),
    (650.0, &[258.0, 328.0, 377.0, 621.0]),
    (648.0, &[61.0, 539.0]),
    (644.0, &[254.0, 276.0, 298.0, 640.0]),
    (642.0, &[76.0, 538.0]),
    (641.0, &[635.0]),
    (649.0, &[349.0, 404.0, 561.0]),
    (631.0, &[]),
    (596.0, &[]),
    (614.0, &[120.0, 479.0]),
    (582.0, &[323.0, 449.0]),
    (589.0, &[139.0, 139.0]),
    (593.0, &[]),
    (589.0, &[573.0]),
    (606.0, &[165.0, 408.0, 604.0]),
    (594.0, &[249.0]),
    (613.0, &[344.0, 497.0]),
    (595.0, &[265.0, 586.0]),
    (389.0, &[166.0, 206.0, 348.0]),
    (601.0, &[]),
    (601.0, &[410.0, 581.0]),
    (611.0, &[]),
    (608.0, &[]),
    (587.0, &[]),
    (603.0, &[367.0]),
    (585.0, &[202.0, 563.0, 570.0]),
    (587.0, &[]),
    (578.0, &[]),
    (578.0, &[]),
    (586.0, &[]),
    (585.0, &[]),
    (582.0, &[]),
];

#[test]
fn mean_cumulative_function_agrees_with_lifelines_on_the_engines() {
    let engine = |(until, repairs): (f64, &[f64])| RepairHistory { repairs: repairs.to_vec(), observed_until: until };
    let engines: Vec<RepairHistory> = ENGINES.map(engine).into();
    let mcf = MeanCumulative::estimate(&engines).unwrap();
    assert_eq!((mcf.units, mcf.steps.iter().map(|s| s.repairs).sum::<usize>()), (41, 48));
    let (first, last) = (mcf.steps.first().unwrap(), mcf.steps.last().unwrap());
    assert!((first.mean - 1.0 / 41.0).abs() < 1e-12 && first.at == 61.0);
    // Values of this crate that lifelines 0.30.3 confirmed as a counting process (oracle/oracle.py).
    assert!((mcf.at(400.0).unwrap() - 0.6585365853658539).abs() < 1e-9);
    assert!((last.mean - 1.5426875135570297).abs() < 1e-9 && last.at == 653.0, "{last:?}");
}

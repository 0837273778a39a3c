//! Confidence intervals of figures whose samples depend on each other, by batch
//! means (Law and Kelton, Simulation Modeling and Analysis, 9.5.3).
//!
//! Neighbouring samples of a run are correlated: one slow second makes all of its
//! messages slow. Means of long batches are much less so, and their spread shows how
//! far the figure can be trusted. The correlation that remains is estimated, and
//! widens the interval.

/// The ratio of two sums, and its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ConfidenceInterval {
    pub(crate) estimate: f64,
    /// Half of the interval's width.
    pub(crate) half: f64,
}

/// The interval of the ratio of the sums of all `(part, whole)`, with confidence
/// 1 - `alpha`; `None` if there are too few batches.
///
/// A rate is a count over a time, a share is a count over a count, so batches may
/// differ in size.
pub(crate) fn ratio(batches: &[(f64, f64)], alpha: f64) -> Option<ConfidenceInterval> {
    let count = u32::try_from(batches.len()).ok().filter(|n| *n > 3)?;
    let n = f64::from(count);
    let part: f64 = batches.iter().map(|(part, _)| part).sum();
    let whole: f64 = batches.iter().map(|(_, whole)| whole).sum();
    if whole <= 0.0 {
        return None;
    }
    let estimate = part / whole;
    // The deviation of each batch, in units of a mean batch.
    let off: Vec<f64> = batches
        .iter()
        .map(|(part, whole_of)| (part - estimate * whole_of) * n / whole)
        .collect();
    let squares: f64 = off.iter().map(|each| each * each).sum();
    let variance = squares / (n - 1.0);
    let inflation = inflation(&off, squares);
    let error = (variance * inflation / n).sqrt();
    Some(ConfidenceInterval {
        estimate,
        half: student(1.0 - alpha / 2.0, count - 1) * error,
    })
}

/// The factor by which correlated neighbours raise the variance of a mean: that of a
/// first-order autoregressive process, (1 + r) / (1 - r).
fn inflation(off: &[f64], squares: f64) -> f64 {
    /// A higher correlation leaves the interval unknown.
    const MOST: f64 = 0.95;
    if squares <= 0.0 {
        return 1.0;
    }
    let products: f64 = off.iter().zip(off.iter().skip(1)).map(|(a, b)| a * b).sum();
    // Estimated from n batches, r is too low by about (1 + 3r) / n (Kendall, 1954).
    let n = off.len() as f64;
    let r = (products / squares + 1.0 / n) / (1.0 - 3.0 / n);
    let r = r.clamp(0.0, MOST);
    (1.0 + r) / (1.0 - r)
}

/// The quantile `p`, at least a half, of Student's t with `degrees` of freedom.
fn student(p: f64, degrees: u32) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while student_below(high, degrees) < p && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if student_below(middle, degrees) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The probability of a t below `t`, which is not negative: a finite sum for whole
/// degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).
fn student_below(t: f64, degrees: u32) -> f64 {
    let angle = (t / f64::from(degrees).sqrt()).atan();
    let (sin, cos) = angle.sin_cos();
    let is_odd = degrees % 2 == 1;
    let (mut term, mut sum) = if is_odd { (cos, 0.0) } else { (1.0, 0.0) };
    // Odd: cos + 2/3 cos³ + 2·4/(3·5) cos⁵ …; even: 1 + 1/2 cos² + 1·3/(2·4) cos⁴ …
    let mut k = u32::from(is_odd);
    while k + 2 <= degrees {
        sum += term;
        term *= cos * cos * f64::from(k + 1) / f64::from(k + 2);
        k += 2;
    }
    let both = if is_odd {
        (angle + sin * sum) / std::f64::consts::FRAC_PI_2
    } else {
        sin * sum
    };
    f64::midpoint(1.0, both)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn student_is_as_in_the_tables() {
        for (p, degrees, t) in [
            (0.975, 1, 12.706),
            (0.975, 2, 4.303),
            (0.975, 3, 3.182),
            (0.975, 9, 2.262),
            (0.995, 9, 3.250),
            (0.9995, 10, 4.587),
            (0.975, 19, 2.093),
            (0.5, 5, 0.0),
        ] {
            let found = student(p, degrees);
            assert!((found - t).abs() < 0.001, "{p} {degrees}: {found}, not {t}");
        }
    }

    #[test]
    fn a_ratio_has_its_interval() {
        let interval = ratio(&[(9.0, 1.0), (11.0, 1.0), (9.0, 1.0), (11.0, 1.0)], 0.05).unwrap();
        assert!((interval.estimate - 10.0).abs() < 1e-9);
        // A deviation of √(4 / 3), and uncorrelated neighbours.
        assert!((interval.half - 3.182 * (1.0_f64 / 3.0).sqrt()).abs() < 0.01);
        // Batches of other sizes at the same rate do not differ.
        let alike = [(10.0, 1.0), (20.0, 2.0), (40.0, 4.0), (10.0, 1.0)];
        let interval = ratio(&alike, 0.05).unwrap();
        assert_eq!((interval.estimate, interval.half), (10.0, 0.0));
        assert_eq!(ratio(&[(1.0, 1.0); 3], 0.05), None);
        assert_eq!(ratio(&[(0.0, 0.0); 9], 0.05), None);
    }

    #[test]
    fn what_rises_is_not_known() {
        let rising: Vec<_> = (0..20).map(|n| (f64::from(n), 1.0)).collect();
        let mixed: Vec<_> = (0..20).map(|n| (f64::from(n * 7 % 20), 1.0)).collect();
        let half = |batches: &[(f64, f64)]| ratio(batches, 0.05).unwrap().half;
        assert!(half(&rising) > 3.0 * half(&mixed));
    }
}

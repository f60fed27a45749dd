//! Bars as SVG within the page, with the same in words for whoever does not see them.

use maud::{Markup, html as markup};

use super::{clean, tone};
use crate::report::Chart;

const WIDTH: f64 = 640.0;
const LABEL: f64 = 130.0;
const TEXT: f64 = 70.0;
const ROW: usize = 24;

pub(super) fn figure(chart: &Chart) -> Markup {
    let height = chart.bars.len() * ROW + 4;
    let full = WIDTH - LABEL - TEXT;
    markup! {
        figure {
            figcaption { (clean(&chart.caption)) }
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(clean(&format!("{}. {}", chart.caption, chart.words))) {
                @for (at, bar) in chart.bars.iter().enumerate() {
                    @let top = at * ROW;
                    text x=(LABEL - 10.0) y=(top + 17) text-anchor="end" { (clean(&bar.label)) }
                    rect.track x=(LABEL) y=(top + 5) width=(full) height="15" {}
                    @if let Some(part) = bar.part {
                        rect class={ "bar " (tone(bar.tone)) } x=(LABEL) y=(top + 5)
                            width=(format!("{:.1}", part.clamp(0.0, 1.0) * full)) height="15" {}
                    }
                    text x=(LABEL + full + 10.0) y=(top + 17) { (clean(&bar.text)) }
                }
            }
        }
    }
}

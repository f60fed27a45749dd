//! A report as a PDF: tagged, with text that can be selected and searched, an embedded part of one font, and the same bytes
//! for the same report.

mod layout;
mod page;
mod table;
mod text;

use krilla::error::KrillaError;
use krilla::metadata::{DateTime, Metadata};

use crate::plain::plain;
use crate::report::{Block, Report, Status};
use crate::time_text::utc;
use layout::{Kind, Layout, Place};
use text::{Fonts, Style};

/// The report could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    #[error("the font that comes with the program cannot be read")]
    Font,
    #[error("the size of the page or of something on it is no size")]
    Size,
    #[error("the file cannot be written: {0}")]
    Write(String),
}

impl From<KrillaError> for PdfError {
    fn from(error: KrillaError) -> Self {
        Self::Write(format!("{error:?}"))
    }
}

/// Draws the report.
///
/// Characters that the font does not have, such as those of Chinese, are drawn as U+FFFD, and the last line of the file says
/// how many; the HTML holds them all.
///
/// # Errors
/// [`PdfError`].
pub fn pdf(report: &Report) -> Result<Vec<u8>, PdfError> {
    let fonts = Fonts::new().ok_or(PdfError::Font)?;
    let mut layout = Layout::new(&fonts, report.paper);
    head(&mut layout, report);
    layout.heading("Summary");
    for paragraph in &report.summary {
        layout.paragraph(&paragraph.0, Style::BODY, Kind::P);
    }
    for (number, section) in report.sections.iter().enumerate() {
        layout.heading(&format!("{}. {}", number + 1, section.title));
        for block in &section.blocks {
            match block {
                Block::Text(paragraph) => layout.paragraph(&paragraph.0, Style::BODY, Kind::P),
                Block::Table(table) => table::table(&mut layout, table),
                Block::Chart(chart) => table::chart(&mut layout, chart),
            }
        }
    }
    layout.gap(14.0);
    layout.paragraph(&report.disclaimer, Style::NOTE, Kind::P);
    if layout.replaced > 0 {
        let replaced = layout.replaced;
        let note = format!(
            "{replaced} characters that the font of this file does not have are shown as \u{fffd}. The HTML of this report has \
             them."
        );
        layout.paragraph(&note, Style::NOTE, Kind::P);
    }
    page::write(layout, report, metadata(report))
}

fn head(layout: &mut Layout<'_>, report: &Report) {
    if report.status == Status::Draft {
        layout.paragraph("Draft: not for submission", Style::ALARM, Kind::P);
    }
    layout.paragraph(&report.authority, Style::SOFT, Kind::P);
    layout.paragraph(&report.title, Style::TITLE, Kind::Title);
    layout.gap(4.0);
    for (name, value) in report.facts() {
        let place = Place { left: 0.0, width: 120.0 };
        let top = layout.y;
        let node = layout.node(layout::ROOT, Kind::P);
        layout.lines(node, name, Style::SOFT, place);
        let after = layout.y;
        layout.y = top;
        layout.lines(node, &value, Style::BODY, Place { left: 120.0, width: layout.width() - 120.0 });
        layout.y = layout.y.max(after) + 1.0;
    }
    layout.gap(6.0);
    layout.rule(1.2);
    layout.gap(4.0);
}

fn metadata(report: &Report) -> Metadata {
    let title = plain(&report.title).replace('\n', " ");
    let id = format!("{} {} {} {}", report.form, report.tenant, report.version, report.made_at_ms);
    let metadata = Metadata::new()
        .title(title)
        .authors(vec![plain(&report.tenant).replace('\n', " ")])
        .creator("AtlasMesh Fleet OS".to_owned())
        .language("en".to_owned())
        .document_id(id);
    match utc(report.made_at_ms) {
        Some(at) => metadata.creation_date(
            DateTime::new(at.year().unsigned_abs().try_into().unwrap_or_default())
                .month(at.month().into())
                .day(at.day())
                .hour(at.hour())
                .minute(at.minute())
                .second(at.second())
                .utc_offset_hour(0)
                .utc_offset_minute(0),
        ),
        None => metadata,
    }
}

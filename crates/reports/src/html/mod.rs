//! A report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere.

mod chart;

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use crate::report::{Block, Cell, Report, Status, Table, Tone};

const STYLE: &str = include_str!("style.css");

/// Writes the report. All text is escaped, and characters that control a terminal or the direction of other text are left out.
#[must_use]
pub fn html(report: &Report) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (clean(&report.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(report))
                main {
                    section aria-labelledby="summary" {
                        h2 id="summary" { "Summary" }
                        @for paragraph in &report.summary { p { (clean(&paragraph.0)) } }
                    }
                    @for (number, section) in report.sections.iter().enumerate() {
                        section aria-labelledby={ "s" (number + 1) } {
                            h2 id={ "s" (number + 1) } { (number + 1) ". " (clean(&section.title)) }
                            @for block in &section.blocks { (of_block(block)) }
                        }
                    }
                }
                footer {
                    p { (clean(&report.disclaimer)) }
                    p { (clean(&report.title)) ", version " (report.version) }
                }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    markup! {
        header {
            @if report.status == Status::Draft { p.draft { "Draft: not for submission" } }
            p.authority { (clean(&report.authority)) }
            h1 { (clean(&report.title)) }
            dl {
                @for (name, value) in report.facts() { div { dt { (name) } dd { (clean(&value)) } } }
            }
        }
    }
}

fn of_block(block: &Block) -> Markup {
    match block {
        Block::Text(paragraph) => markup! { p { (clean(&paragraph.0)) } },
        Block::Table(table) => of_table(table),
        Block::Chart(chart) => chart::figure(chart),
    }
}

fn of_table(table: &Table) -> Markup {
    let class = |at: usize| table.columns.get(at).filter(|column| column.is_number).map(|_| "number");
    markup! {
        div.wide tabindex="0" role="region" aria-label=(clean(&table.caption)) {
            table {
                caption { (clean(&table.caption)) }
                colgroup { @for column in &table.columns { col style=(width(table, column.share)); } }
                thead { tr {
                    @for column in &table.columns {
                        th scope="col" class=[column.is_number.then_some("number")] { (clean(&column.title)) }
                    }
                } }
                tbody { @for row in &table.rows { tr {
                    @for (at, cell) in row.iter().enumerate() {
                        @if at == 0 { th scope="row" { (of_cell(cell)) } }
                        @else { td class=[class(at)] { (of_cell(cell)) } }
                    }
                } } }
            }
        }
        @if table.left_out > 0 { p.note { (table.left_out) " more rows are left out." } }
    }
}

fn width(table: &Table, share: f32) -> String {
    let all: f32 = table.columns.iter().map(|column| column.share).sum();
    format!("width:{:.1}%", share / all * 100.0)
}

fn of_cell(cell: &Cell) -> Markup {
    let text = clean(&cell.text);
    match tone(cell.tone) {
        "" => markup! { bdi { (text) } },
        name => markup! { bdi class=(name) { (text) } },
    }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Open => "open",
    }
}

fn clean(text: &str) -> String {
    crate::plain::plain(text)
}

//! Tables whose head is repeated on every page, and charts of bars.

use super::layout::{Kind, Layout, Piece, Place, ROOT};
use super::text::{BAD, BAR, GOOD, HEAD, LINE, Line, OPEN, SOFT, Style};
use crate::report::{Bar, Cell, Chart, Table, Tone};

/// Between the text of a cell and its edges.
const PAD_X: f32 = 4.0;
const PAD_Y: f32 = 2.6;
/// The width of a bar's label and of the text behind it.
const LABEL: f32 = 90.0;
const BEHIND: f32 = 60.0;
const BAR_ROW: f32 = 15.0;

/// A cell's lines, not yet on a page.
struct Wrapped {
    lines: Vec<Line>,
    style: Style,
    place: Place,
    is_number: bool,
    node: Option<usize>,
}

pub(super) fn table(layout: &mut Layout<'_>, table: &Table) {
    let all: f32 = table.columns.iter().map(|column| column.share).sum();
    let unit = layout.width() / all.max(1.0);
    let mut left = 0.0;
    let places: Vec<Place> = table
        .columns
        .iter()
        .map(|column| {
            let width = column.share * unit;
            let place = Place { left: left + PAD_X, width: width - 2.0 * PAD_X };
            left += width;
            place
        })
        .collect();
    layout.gap(4.0);
    layout.need(74.0);
    let node = layout.node(ROOT, Kind::Table);
    let caption = layout.node(node, Kind::Caption);
    let place = Place { left: 0.0, width: layout.width() };
    layout.lines(caption, &table.caption, Style::CAPTION, place);
    layout.gap(3.0);
    head(layout, table, &places, Some(node));
    for row in &table.rows {
        let tags = layout.node(node, Kind::Row);
        let mut cells = Vec::new();
        for (at, (cell, place)) in row.iter().zip(&places).enumerate() {
            let kind = if at == 0 { Kind::RowHead } else { Kind::Cell };
            let cell_node = layout.node(tags, kind);
            let style = style_of(cell);
            let lines = layout.wrap(&cell.text, style, place.width);
            let is_number = table.columns.get(at).is_some_and(|column| column.is_number);
            cells.push(Wrapped { lines, style, place: *place, is_number, node: Some(cell_node) });
        }
        body_row(layout, table, &places, cells);
    }
    if table.left_out > 0 {
        layout.paragraph(&format!("{} more rows are left out.", table.left_out), Style::NOTE, Kind::P);
    }
    layout.gap(6.0);
}

fn style_of(cell: &Cell) -> Style {
    let (colour, is_bold) = match cell.tone {
        Tone::Plain => (Style::CELL.colour, false),
        Tone::Good => (GOOD, true),
        Tone::Bad => (BAD, true),
        Tone::Open => (OPEN, false),
    };
    Style { colour, is_bold, ..Style::CELL }
}

/// The head of the columns. It is tagged once; where it is repeated it is decoration.
fn head(layout: &mut Layout<'_>, table: &Table, places: &[Place], node: Option<usize>) {
    let row = node.map(|node| layout.node(node, Kind::Row));
    let mut cells = Vec::new();
    for (column, place) in table.columns.iter().zip(places) {
        let node = row.map(|row| layout.node(row, Kind::ColumnHead));
        let (lines, _) = layout.fonts.wrap(Style::COLUMN, &column.title, place.width);
        cells.push(Wrapped { lines, style: Style::COLUMN, place: *place, is_number: column.is_number, node });
    }
    let most = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or_default();
    let height = most as f32 * Style::COLUMN.leading() + 2.0 * PAD_Y;
    let (x, y, width) = (layout.left(), layout.y, layout.width());
    layout.place(None, Piece::Rect { x, y, width, height, colour: HEAD });
    layout.place(None, Piece::Rect { x, y: y + height, width, height: 0.7, colour: SOFT });
    // Short heads stand at the bottom, beside the line.
    for cell in cells {
        let above = (most - cell.lines.len()) as f32 * Style::COLUMN.leading();
        place_lines(layout, &cell, 0, cell.lines.len(), y + PAD_Y + above);
    }
    layout.y = y + height + 0.7;
}

/// A row, which goes on over the page where it is longer than one.
fn body_row(layout: &mut Layout<'_>, table: &Table, places: &[Place], cells: Vec<Wrapped>) {
    let leading = Style::CELL.leading();
    let most = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or_default().max(1);
    let height = most as f32 * leading + 2.0 * PAD_Y;
    if layout.left_over() < height && height < layout.whole() * 0.5 {
        layout.new_page();
        head(layout, table, places, None);
    }
    let mut from = 0;
    while from < most {
        if layout.left_over() < leading + 2.0 * PAD_Y {
            layout.new_page();
            head(layout, table, places, None);
        }
        let fits = ((layout.left_over() - 2.0 * PAD_Y) / leading).floor().max(1.0) as usize;
        let to = most.min(from + fits);
        let top = layout.y;
        for cell in &cells {
            place_lines(layout, cell, from, to, top + PAD_Y);
        }
        layout.y = top + (to - from) as f32 * leading + 2.0 * PAD_Y;
        from = to;
    }
    let (x, y, width) = (layout.left(), layout.y, layout.width());
    layout.place(None, Piece::Rect { x, y, width, height: 0.4, colour: LINE });
    layout.y += 0.4;
}

fn place_lines(layout: &mut Layout<'_>, cell: &Wrapped, from: usize, to: usize, top: f32) {
    for (at, line) in cell.lines.iter().skip(from).take(to - from).enumerate() {
        let top = top + at as f32 * cell.style.leading();
        layout.line(cell.node, line.clone(), cell.style, cell.place, top, cell.is_number);
    }
}

pub(super) fn chart(layout: &mut Layout<'_>, chart: &Chart) {
    layout.gap(4.0);
    layout.need(chart.bars.len() as f32 * BAR_ROW + 30.0);
    let node = layout.node(ROOT, Kind::Figure(format!("{}. {}", chart.caption, chart.words)));
    let place = Place { left: 0.0, width: layout.width() };
    layout.lines(node, &chart.caption, Style::CAPTION, place);
    layout.gap(2.0);
    for bar in &chart.bars {
        of_bar(layout, node, bar);
    }
    layout.gap(6.0);
}

fn of_bar(layout: &mut Layout<'_>, node: usize, bar: &Bar) {
    let full = layout.width() * 0.8 - LABEL - BEHIND;
    let (x, top) = (layout.left() + LABEL, layout.y);
    let track = Piece::Rect { x, y: top + 2.5, width: full, height: 9.5, colour: HEAD };
    layout.place(Some(node), track);
    let colour = match bar.tone {
        Tone::Plain => BAR,
        Tone::Good => GOOD,
        Tone::Bad => BAD,
        Tone::Open => OPEN,
    };
    let width = full * bar.part.unwrap_or_default().clamp(0.0, 1.0) as f32;
    layout.place(Some(node), Piece::Rect { x, y: top + 2.5, width, height: 9.5, colour });
    let label = Place { left: 0.0, width: LABEL - 8.0 };
    let behind = Place { left: LABEL + full + 8.0, width: BEHIND };
    for (text, place) in [(&bar.label, label), (&bar.text, behind)] {
        if let Some(line) = layout.wrap(text, Style::CELL, place.width).into_iter().next() {
            layout.line(Some(node), line, Style::CELL, place, top + 1.8, false);
        }
    }
    layout.y = top + BAR_ROW;
}

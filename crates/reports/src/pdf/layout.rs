//! Where everything stands: pages of pieces, and the tree that says what each piece is.

use super::text::{Colour, Fonts, INK, Line, Style};
use crate::form::Paper;

const MARGIN: f32 = 54.0;
const TOP: f32 = 66.0;
const BOTTOM: f32 = 62.0;

/// The document's node.
pub(super) const ROOT: usize = 0;

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Title,
    Heading,
    P,
    Table,
    Caption,
    Row,
    ColumnHead,
    RowHead,
    Cell,
    /// With the same in words.
    Figure(String),
}

/// A node of the tree.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) children: Vec<usize>,
}

/// A piece of a page.
#[derive(Debug)]
pub(super) enum Piece {
    /// Text whose line ends or begins at `x`, with its base line at `y`.
    Text {
        x: f32,
        y: f32,
        line: Line,
        style: Style,
        ends_at_x: bool,
    },
    Rect {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        colour: Colour,
    },
}

/// A piece and the node that it belongs to; nothing for decoration.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) node: Option<usize>,
    pub(super) piece: Piece,
}

/// A column within the margins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) left: f32,
    pub(super) width: f32,
}

/// A heading that a reader can jump to.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) title: String,
    pub(super) page: usize,
    pub(super) y: f32,
}

pub(super) struct Layout<'f> {
    pub(super) fonts: &'f Fonts,
    pub(super) size: (f32, f32),
    pub(super) pages: Vec<Vec<Placed>>,
    /// The top of what comes next.
    pub(super) y: f32,
    pub(super) nodes: Vec<Node>,
    pub(super) marks: Vec<Mark>,
    /// How many characters the font does not have.
    pub(super) replaced: usize,
}

impl<'f> Layout<'f> {
    pub(super) fn new(fonts: &'f Fonts, paper: Paper) -> Self {
        let size = match paper {
            Paper::A4 => (595.28, 841.89),
            Paper::Letter => (612.0, 792.0),
        };
        let nodes = vec![Node { kind: Kind::Document, children: Vec::new() }];
        Self { fonts, size, pages: vec![Vec::new()], y: TOP, nodes, marks: Vec::new(), replaced: 0 }
    }

    /// Between the margins.
    pub(super) fn width(&self) -> f32 {
        self.size.0 - 2.0 * MARGIN
    }

    pub(super) fn left(&self) -> f32 {
        MARGIN
    }

    /// What is left of the page.
    pub(super) fn left_over(&self) -> f32 {
        self.size.1 - BOTTOM - self.y
    }

    /// A page without anything on it.
    pub(super) fn whole(&self) -> f32 {
        self.size.1 - BOTTOM - TOP
    }

    pub(super) fn new_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// Begins a page where less than `height` is left.
    pub(super) fn need(&mut self, height: f32) {
        if self.left_over() < height {
            self.new_page();
        }
    }

    pub(super) fn gap(&mut self, height: f32) {
        self.y += height;
    }

    pub(super) fn node(&mut self, parent: usize, kind: Kind) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { kind, children: Vec::new() });
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.push(node);
        }
        node
    }

    pub(super) fn place(&mut self, node: Option<usize>, piece: Piece) {
        if let Some(page) = self.pages.last_mut() {
            page.push(Placed { node, piece });
        }
    }

    pub(super) fn wrap(&mut self, text: &str, style: Style, width: f32) -> Vec<Line> {
        let (lines, replaced) = self.fonts.wrap(style, text, width);
        self.replaced += replaced;
        lines
    }

    /// One line whose top is at `top`.
    pub(super) fn line(&mut self, node: Option<usize>, line: Line, style: Style, place: Place, top: f32, right: bool) {
        let ends_at_x = right || line.is_rtl;
        let x = self.left() + place.left + if ends_at_x { place.width } else { 0.0 };
        let y = top + (style.leading() - style.size) / 2.0 + style.size * 0.86;
        self.place(node, Piece::Text { x, y, line, style, ends_at_x });
    }

    /// Text over as many lines and pages as it takes.
    pub(super) fn lines(&mut self, node: usize, text: &str, style: Style, place: Place) {
        for line in self.wrap(text, style, place.width) {
            self.need(style.leading());
            let top = self.y;
            self.line(Some(node), line, style, place, top, false);
            self.y += style.leading();
        }
    }

    pub(super) fn paragraph(&mut self, text: &str, style: Style, kind: Kind) {
        let node = self.node(ROOT, kind);
        let place = Place { left: 0.0, width: self.width() };
        self.lines(node, text, style, place);
        self.gap(style.size * 0.5);
    }

    /// A heading, which never stands alone at the end of a page.
    pub(super) fn heading(&mut self, title: &str) {
        self.gap(12.0);
        self.need(Style::HEADING.leading() + 70.0);
        let mark = Mark { title: title.to_owned(), page: self.pages.len().saturating_sub(1), y: self.y };
        self.marks.push(mark);
        self.paragraph(title, Style::HEADING, Kind::Heading);
    }

    /// A line across the page.
    pub(super) fn rule(&mut self, height: f32) {
        let (x, y, width) = (self.left(), self.y, self.width());
        self.place(None, Piece::Rect { x, y, width, height, colour: INK });
        self.y += height;
    }
}

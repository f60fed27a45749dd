//! The pages drawn: each piece under its tag, the head and the foot of each page, and the tree of tags.

use std::num::NonZeroU16;

use krilla::Document;
use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind, TagTree,
};

use super::PdfError;
use super::layout::{Kind, Layout, Node, Piece, Placed};
use super::text::{Colour, Fonts, LINE, Line, Style};
use crate::plain::plain;
use crate::report::Report;

/// Between the letters and the end of the paper.
const HEAD_Y: f32 = 40.0;
const FOOT_Y: f32 = 34.0;

pub(super) fn write(layout: Layout<'_>, report: &Report, metadata: Metadata) -> Result<Vec<u8>, PdfError> {
    let Layout { fonts, size, pages, nodes, marks, .. } = layout;
    let mut document = Document::new();
    let count = pages.len();
    let mut leaves: Vec<Vec<Identifier>> = nodes.iter().map(|_| Vec::new()).collect();
    for (number, placed) in pages.iter().enumerate() {
        let settings = PageSettings::from_wh(size.0, size.1).ok_or(PdfError::Size)?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for piece in placed {
            draw(&mut surface, fonts, piece, &mut leaves)?;
        }
        frame(&mut surface, fonts, size, report, (number + 1, count))?;
        surface.finish();
        page.finish();
    }
    let mut outline = Outline::new();
    for mark in marks {
        let destination = XyzDestination::new(mark.page, Point::from_xy(0.0, mark.y));
        outline.push_child(OutlineNode::new(plain(&mark.title), destination));
    }
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    tree.push(group(&nodes, &mut leaves, super::layout::ROOT).ok_or(PdfError::Size)?);
    document.set_outline(outline);
    document.set_metadata(metadata);
    document.set_tag_tree(tree);
    Ok(document.finish()?)
}

/// The node with everything below it. Parents stand before their children, so it ends.
fn group(nodes: &[Node], leaves: &mut [Vec<Identifier>], at: usize) -> Option<TagGroup> {
    let node = nodes.get(at)?;
    let mut group = TagGroup::new(tag(&node.kind));
    for child in &node.children {
        group.push(self::group(nodes, leaves, *child)?);
    }
    for leaf in leaves.get_mut(at).map(std::mem::take).unwrap_or_default() {
        group.push(leaf);
    }
    Some(group)
}

fn tag(kind: &Kind) -> TagKind {
    let heading = |level: u16| Tag::Hn(NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN), None).into();
    match kind {
        Kind::Document => Tag::Part.into(),
        Kind::Title => heading(1),
        Kind::Heading => heading(2),
        Kind::P => Tag::P.into(),
        Kind::Table => Tag::Table.into(),
        Kind::Caption => Tag::Caption.into(),
        Kind::Row => Tag::TR.into(),
        Kind::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Kind::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Kind::Cell => Tag::TD.into(),
        Kind::Figure(words) => Tag::Figure(Some(plain(words))).into(),
    }
}

fn draw(
    surface: &mut Surface<'_>,
    fonts: &Fonts,
    placed: &Placed,
    leaves: &mut [Vec<Identifier>],
) -> Result<(), PdfError> {
    let content = match (placed.node, &placed.piece) {
        (None, _) => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)),
        (Some(_), Piece::Text { .. }) => ContentTag::Span(SpanTag::empty()),
        (Some(_), Piece::Rect { .. }) => ContentTag::Other,
    };
    let id = surface.start_tagged(content);
    if let Some(leaves) = placed.node.and_then(|node| leaves.get_mut(node)) {
        leaves.push(id);
    }
    match &placed.piece {
        Piece::Text { x, y, line, style, ends_at_x } => text(surface, fonts, line, *style, (*x, *y), *ends_at_x),
        Piece::Rect { x, y, width, height, colour } => {
            rect(surface, (*x, *y, *width, *height), *colour)?;
        }
    }
    surface.end_tagged();
    Ok(())
}

fn fill((red, green, blue): Colour) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), opacity: NormalizedF32::ONE, rule: Default::default() }
}

fn rect(
    surface: &mut Surface<'_>,
    (x, y, width, height): (f32, f32, f32, f32),
    colour: Colour,
) -> Result<(), PdfError> {
    if width <= 0.0 || height <= 0.0 {
        return Ok(());
    }
    let mut path = PathBuilder::new();
    path.push_rect(Rect::from_xywh(x, y, width, height).ok_or(PdfError::Size)?);
    surface.set_fill(Some(fill(colour)));
    surface.draw_path(&path.finish().ok_or(PdfError::Size)?);
    Ok(())
}

fn text(surface: &mut Surface<'_>, fonts: &Fonts, line: &Line, style: Style, (x, y): (f32, f32), ends_at_x: bool) {
    let runs = fonts.runs(style, line);
    let width: f32 = runs.iter().map(|run| run.width * style.size).sum();
    let mut x = if ends_at_x { x - width } else { x };
    surface.set_fill(Some(fill(style.colour)));
    for run in runs {
        let start = Point::from_xy(x, y);
        surface.draw_glyphs(start, &run.glyphs, fonts.font(style), run.text, style.size, false);
        x += run.width * style.size;
    }
}

/// What stands on every page.
fn frame(
    surface: &mut Surface<'_>,
    fonts: &Fonts,
    (width, height): (f32, f32),
    report: &Report,
    (number, count): (usize, usize),
) -> Result<(), PdfError> {
    let (left, right) = (54.0, width - 54.0);
    let status = format!("Version {}, {}", report.version, report.status.word().to_lowercase());
    let page = format!("Page {number} of {count}");
    let lines = [
        (&report.title, left, HEAD_Y, (right - left) * 0.75, false, ArtifactType::Header),
        (&status, right, HEAD_Y, (right - left) * 0.25, true, ArtifactType::Header),
        (&report.tenant, left, height - FOOT_Y, (right - left) * 0.75, false, ArtifactType::Footer),
        (&page, right, height - FOOT_Y, (right - left) * 0.25, true, ArtifactType::Footer),
    ];
    for (words, x, y, most, ends_at_x, kind) in lines {
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
        let (wrapped, _) = fonts.wrap(Style::NOTE, words, most);
        if let Some(line) = wrapped.first() {
            text(surface, fonts, line, Style::NOTE, (x, y), ends_at_x);
        }
        surface.end_tagged();
    }
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
    rect(surface, (left, HEAD_Y + 6.0, right - left, 0.4), LINE)?;
    rect(surface, (left, height - FOOT_Y - 12.0, right - left, 0.4), LINE)?;
    surface.end_tagged();
    Ok(())
}

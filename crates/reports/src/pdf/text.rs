//! Text in the one font: how wide it is, where it breaks, and its glyphs in the order in which they are seen.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, UnicodeBuffer};
use unicode_bidi::{BidiInfo, Level};

use crate::plain::plain;

/// What stands for a character that the font does not have.
const MISSING: char = '\u{fffd}';

/// A colour of the screen.
pub(super) type Colour = (u8, u8, u8);

pub(super) const INK: Colour = (27, 31, 36);
pub(super) const SOFT: Colour = (87, 96, 106);
pub(super) const LINE: Colour = (200, 206, 213);
pub(super) const HEAD: Colour = (241, 243, 246);
pub(super) const GOOD: Colour = (17, 99, 41);
pub(super) const BAD: Colour = (164, 14, 38);
pub(super) const OPEN: Colour = (122, 82, 0);
pub(super) const BAR: Colour = (49, 87, 126);

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) size: f32,
    pub(super) is_bold: bool,
    pub(super) colour: Colour,
}

impl Style {
    pub(super) const BODY: Self = Self { size: 9.0, is_bold: false, colour: INK };
    pub(super) const SOFT: Self = Self { size: 9.0, is_bold: false, colour: SOFT };
    pub(super) const NOTE: Self = Self { size: 7.5, is_bold: false, colour: SOFT };
    pub(super) const ALARM: Self = Self { size: 9.0, is_bold: true, colour: BAD };
    pub(super) const TITLE: Self = Self { size: 14.0, is_bold: true, colour: INK };
    pub(super) const HEADING: Self = Self { size: 11.5, is_bold: true, colour: INK };
    pub(super) const CAPTION: Self = Self { size: 8.5, is_bold: true, colour: INK };
    pub(super) const CELL: Self = Self { size: 7.6, is_bold: false, colour: INK };
    pub(super) const COLUMN: Self = Self { size: 7.6, is_bold: true, colour: INK };

    /// From one line to the next.
    pub(super) fn leading(self) -> f32 {
        self.size * 1.38
    }
}

/// A line of text.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) text: String,
    /// Whether its paragraph runs from right to left.
    pub(super) is_rtl: bool,
}

/// Glyphs of one direction with the text that they show.
pub(super) struct Run<'t> {
    pub(super) text: &'t str,
    pub(super) glyphs: Vec<KrillaGlyph>,
    /// For a size of 1.
    pub(super) width: f32,
}

struct Face {
    font: Font,
    shaper: rustybuzz::Face<'static>,
}

/// The font in its two weights.
pub(super) struct Fonts {
    regular: Face,
    bold: Face,
}

impl Face {
    fn new(data: &'static [u8]) -> Option<Self> {
        Some(Self { font: Font::new(data.into(), 0)?, shaper: rustybuzz::Face::from_slice(data, 0)? })
    }

    fn em(&self) -> f32 {
        self.shaper.units_per_em() as f32
    }

    /// The width of a character for a size of 1.
    fn advance(&self, character: char) -> f32 {
        let advance = self.shaper.glyph_index(character).and_then(|glyph| self.shaper.glyph_hor_advance(glyph));
        f32::from(advance.unwrap_or_default()) / self.em()
    }

    fn run<'t>(&self, text: &'t str, is_rtl: bool) -> Run<'t> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(if is_rtl { Direction::RightToLeft } else { Direction::LeftToRight });
        let shaped = rustybuzz::shape(&self.shaper, &[], buffer);
        let mut starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
        starts.sort_unstable();
        starts.dedup();
        let em = self.em();
        let glyphs: Vec<KrillaGlyph> = shaped
            .glyph_infos()
            .iter()
            .zip(shaped.glyph_positions())
            .map(|(info, position)| {
                let start = info.cluster as usize;
                let next = starts.partition_point(|other| *other <= start);
                let end = starts.get(next).copied().unwrap_or(text.len());
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    position.x_advance as f32 / em,
                    position.x_offset as f32 / em,
                    position.y_offset as f32 / em,
                    position.y_advance as f32 / em,
                    start..end,
                    None,
                )
            })
            .collect();
        let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
        Run { text, glyphs, width }
    }
}

impl Fonts {
    pub(super) fn new() -> Option<Self> {
        let regular = Face::new(dejavu::sans_condensed::regular())?;
        Some(Self { regular, bold: Face::new(dejavu::sans_condensed::bold())? })
    }

    fn face(&self, style: Style) -> &Face {
        if style.is_bold { &self.bold } else { &self.regular }
    }

    pub(super) fn font(&self, style: Style) -> Font {
        self.face(style).font.clone()
    }

    /// The text with characters that the font has, and how many were replaced.
    fn known(&self, style: Style, text: &str) -> (String, usize) {
        let face = self.face(style);
        let mut replaced = 0;
        let text = plain(text);
        let known = text.chars().filter_map(|character| match character {
            '\n' => Some(character),
            _ if face.shaper.glyph_index(character).is_some_and(|glyph| glyph.0 != 0) => Some(character),
            _ if is_ignorable(character) => None,
            _ => {
                replaced += 1;
                Some(MISSING)
            }
        });
        let known = known.collect();
        (known, replaced)
    }

    /// The lines of a text within a width, and how many characters were replaced.
    pub(super) fn wrap(&self, style: Style, text: &str, width: f32) -> (Vec<Line>, usize) {
        let (known, replaced) = self.known(style, text);
        let face = self.face(style);
        // A little less, because shaped text may be wider than its characters.
        let most = (width / style.size * 0.985).max(1.0);
        let mut lines: Vec<Line> = Vec::new();
        for paragraph in known.split('\n') {
            let paragraph = paragraph.trim();
            if paragraph.is_empty() {
                if lines.last().is_some_and(|line| !line.text.is_empty()) {
                    lines.push(Line { text: String::new(), is_rtl: false });
                }
                continue;
            }
            let info = BidiInfo::new(paragraph, None);
            let is_rtl = info.paragraphs.first().is_some_and(|paragraph| paragraph.level.is_rtl());
            lines.extend(broken(face, paragraph, most).into_iter().map(|text| Line { text, is_rtl }));
        }
        while lines.last().is_some_and(|line| line.text.is_empty()) {
            lines.pop();
        }
        (lines, replaced)
    }

    /// The runs of a line from left to right.
    pub(super) fn runs<'t>(&self, style: Style, line: &'t Line) -> Vec<Run<'t>> {
        let face = self.face(style);
        if line.text.is_ascii() {
            return vec![face.run(&line.text, false)];
        }
        let level = if line.is_rtl { Level::rtl() } else { Level::ltr() };
        let info = BidiInfo::new(&line.text, Some(level));
        let mut runs = Vec::new();
        for paragraph in &info.paragraphs {
            let (levels, visual) = info.visual_runs(paragraph, paragraph.range.clone());
            for range in visual {
                let is_rtl = levels.get(range.start).is_some_and(Level::is_rtl);
                runs.extend(line.text.get(range).map(|text| face.run(text, is_rtl)));
            }
        }
        runs
    }
}

/// Breaks at spaces, and within words that are longer than a line.
fn broken(face: &Face, paragraph: &str, most: f32) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0.0);
    let space = face.advance(' ');
    for word in paragraph.split_whitespace() {
        let width: f32 = word.chars().map(|character| face.advance(character)).sum();
        if !line.is_empty() && used + space + width > most {
            lines.push(std::mem::take(&mut line));
            used = 0.0;
        }
        if !line.is_empty() {
            line.push(' ');
            used += space;
        }
        for character in word.chars() {
            let advance = face.advance(character);
            // What has no width belongs to the character before it.
            if used + advance > most && advance > 0.0 && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            line.push(character);
            used += advance;
        }
    }
    lines.push(line);
    lines
}

/// What has no shape of its own: joiners, soft hyphens, selectors of variants, tags.
fn is_ignorable(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{34f}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

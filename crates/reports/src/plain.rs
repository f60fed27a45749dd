//! Text of others made harmless to show.

/// The text without characters that control a terminal or turn the direction of other text; breaks of lines stay.
pub(crate) fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter_map(shown).collect()
}

fn shown(character: char) -> Option<char> {
    match character {
        '\n' | '\u{2028}' | '\u{2029}' | '\r' => Some('\n'),
        '\t' => Some(' '),
        // Marks, embeddings, overrides and isolates of direction; the byte order mark.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => None,
        // What is no character for interchange.
        '\u{fdd0}'..='\u{fdef}' => None,
        character if character.is_control() || u32::from(character) & 0xfffe == 0xfffe => None,
        character => Some(character),
    }
}

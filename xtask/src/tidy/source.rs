//! Rust source with what is not code taken out, so that a word in a comment, a text or a test is not mistaken for a
//! call. Every byte keeps its place, so that lines still count.

/// A source file without its comments and tests.
pub struct Source {
    pub with_texts: String,
    pub bare: String,
}

impl Source {
    /// Takes out comments, then items under `#[cfg(test)]`.
    pub fn of(text: &str) -> Self {
        let (mut with_texts, mut bare) = strip(text.as_bytes());
        for (from, to) in test_items(&bare) {
            blank(&mut with_texts[from..to]);
            blank(&mut bare[from..to]);
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { with_texts: text(with_texts), bare: text(bare) }
    }

    /// The places of a word in the code, as byte offsets; it is not part of a longer word.
    pub fn find<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let bytes = self.bare.as_bytes();
        self.bare.match_indices(word).map(|(at, _)| at).filter(move |&at| {
            let before = at.checked_sub(1).map(|i| bytes[i]);
            let after = bytes.get(at + word.len()).copied();
            let joins = |a: Option<u8>, b: Option<u8>| a.is_some_and(is_word) && b.is_some_and(is_word);
            !joins(before, word.bytes().next()) && !joins(word.bytes().last(), after)
        })
    }

    /// The first text in quotes after a place, if nothing but space, and the given opening, stands before it.
    pub fn text_after(&self, at: usize, opening: &str) -> Option<&str> {
        let rest = self.with_texts.get(at..)?.strip_prefix(opening)?.trim_start();
        rest.strip_prefix('"')?.split('"').next()
    }

    /// The line of a place, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        line(&self.bare, at)
    }
}

/// The line of a byte offset, counted from 1.
pub fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// The source without comments, and without comments and the inside of texts.
fn strip(text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut with_texts, mut bare) = (text.to_vec(), text.to_vec());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let length = if rest.starts_with(b"//") {
            let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            blank(&mut with_texts[at..at + length]);
            length
        } else if rest.starts_with(b"/*") {
            let length = block_comment(rest);
            blank(&mut with_texts[at..at + length]);
            length
        } else if let Some(length) = literal(rest, at.checked_sub(1).map(|i| text[i])) {
            length
        } else {
            at += 1;
            continue;
        };
        blank(&mut bare[at..at + length]);
        at += length;
    }
    (with_texts, bare)
}

fn block_comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a text or character literal that begins here.
fn literal(text: &[u8], before: Option<u8>) -> Option<usize> {
    match text {
        [b'"', ..] => Some(quoted(text, 1)),
        [b'r', b'"' | b'#', ..] if !before.is_some_and(|byte| is_word(byte) && byte != b'b' && byte != b'c') => {
            raw(text)
        }
        // A character, and not a lifetime: an escape, or one character and a quote.
        [b'\'', b'\\', escaped, ..] => {
            let skip = if *escaped == b'\'' { 3 } else { 2 };
            text.iter().skip(skip).position(|&byte| byte == b'\'').map(|end| skip + end + 1)
        }
        [b'\'', ..] => {
            let character = std::str::from_utf8(&text[1..text.len().min(5)])
                .unwrap_or_else(|error| std::str::from_utf8(&text[1..1 + error.valid_up_to()]).unwrap_or_default());
            let end = 1 + character.chars().next()?.len_utf8();
            (text.get(end) == Some(&b'\'')).then_some(end + 1)
        }
        _ => None,
    }
}

fn quoted(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn raw(text: &[u8]) -> Option<usize> {
    let hashes = text.iter().skip(1).take_while(|&&byte| byte == b'#').count();
    if text.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let closing: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let from = 2 + hashes;
    let end = text[from..].windows(closing.len()).position(|window| window == closing);
    Some(end.map_or(text.len(), |end| from + end + closing.len()))
}

/// The ranges of the items under `#[cfg(test)]`: to the end of the block that follows, or to a semicolon before it.
fn test_items(bare: &[u8]) -> Vec<(usize, usize)> {
    const MARK: &[u8] = b"#[cfg(test)]";
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(found) = bare[at..].windows(MARK.len()).position(|window| window == MARK) {
        let from = at + found;
        at = from + MARK.len();
        let mut depth = 0_usize;
        while at < bare.len() {
            let byte = bare[at];
            at += 1;
            match byte {
                b'{' => depth += 1,
                b'}' if depth <= 1 => break,
                b'}' => depth -= 1,
                b';' if depth == 0 => break,
                _ => {}
            }
        }
        ranges.push((from, at));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left() {
        let rows = [
            ("a // clock\nb", "clock", false),
            ("a /* x /* clock */ clock */ b", "clock", false),
            ("let t = \"clock\";", "clock", false),
            ("let t = \"\\\"clock\";", "clock", false),
            ("let t = r#\"a \" clock\"#;", "clock", false),
            ("let t = br\"clock\";", "clock", false),
            ("let c = '\"'; clock(); let d = '\"';", "clock", true),
            ("let c = '\\''; clock()", "clock", true),
            ("let c = 'é'; clock()", "clock", true),
            ("fn f<'a>(x: &'a str) { clock(x) }", "clock", true),
            ("#[cfg(test)]\nmod tests { fn f() { clock() } }", "clock", false),
            ("#[cfg(test)]\n#[path = \"x\"]\nmod tests;\nfn f() { clock() }", "clock", true),
            ("#[cfg(test)]\nmod tests { }\nfn f() { clock() }", "clock", true),
            ("o_clock(); clocks();", "clock", false),
            ("std::clock::now()", "clock::", true),
        ];
        for (text, word, expected) in rows {
            let source = Source::of(text);
            assert_eq!(source.find(word).next().is_some(), expected, "{text}");
            assert_eq!(source.bare.len(), text.len(), "{text}");
        }
    }

    #[test]
    fn lines_and_texts_keep_their_places() {
        let source = Source::of("// one\n/* two\n three */\nnamed(\n  \"four\", x)");
        let at = source.find("named").next().unwrap();
        assert_eq!((source.line(at), source.text_after(at, "named(")), (4, Some("four")));
    }
}

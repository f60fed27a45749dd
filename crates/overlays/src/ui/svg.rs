//! A logo that is only a picture: what it may consist of is listed, and everything else is refused, because a picture in the
//! page can run programs and fetch what others put elsewhere.

use roxmltree::{Document, Node, ParsingOptions};

/// The most bytes of a logo.
pub const LOGO_BYTES_MAX: usize = 32 * 1_024;
/// The most elements and texts of a logo.
const NODES_MAX: u32 = 2_000;
/// The deepest element.
const DEPTH_MAX: usize = 16;
const SVG: &str = "http://www.w3.org/2000/svg";

const ELEMENTS: [&str; 15] = [
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "title",
    "desc",
    "defs",
    "linearGradient",
    "radialGradient",
    "stop",
];
const ATTRIBUTES: [&str; 44] = [
    "viewBox",
    "width",
    "height",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "fx",
    "fy",
    "d",
    "points",
    "fill",
    "fill-rule",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-dasharray",
    "opacity",
    "transform",
    "id",
    "offset",
    "stop-color",
    "stop-opacity",
    "gradientUnits",
    "gradientTransform",
    "spreadMethod",
    "clip-rule",
    "role",
    "aria-label",
    "preserveAspectRatio",
    "version",
    "color",
    "pathLength",
];

/// Whether a text is an SVG that is only a picture.
///
/// # Errors
/// The first thing that it has beyond that.
pub fn check_svg(text: &str) -> Result<(), String> {
    if text.len() > LOGO_BYTES_MAX {
        return Err(format!("has more than {LOGO_BYTES_MAX} bytes"));
    }
    // A parser that follows elements recursively would be stopped by this before it begins.
    if text.matches('<').count() > NODES_MAX as usize {
        return Err(format!("has more than {NODES_MAX} elements"));
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| format!("is no XML: {error}"))?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err("is no svg".to_owned());
    }
    if !root.has_attribute("viewBox") {
        return Err("has no viewBox, so it cannot be scaled".to_owned());
    }
    document.descendants().try_for_each(check_node)
}

fn check_node(node: Node<'_, '_>) -> Result<(), String> {
    if node.is_pi() {
        return Err("has a processing instruction".to_owned());
    }
    if !node.is_element() {
        return Ok(());
    }
    let name = node.tag_name().name();
    if node.tag_name().namespace() != Some(SVG) || !ELEMENTS.contains(&name) {
        return Err(format!("has the element `{name}`"));
    }
    if node.ancestors().count() > DEPTH_MAX {
        return Err(format!("is nested deeper than {DEPTH_MAX} levels"));
    }
    for attribute in node.attributes() {
        let attribute_name = attribute.name();
        if attribute.namespace().is_some() || !ATTRIBUTES.contains(&attribute_name) {
            return Err(format!("has the attribute `{attribute_name}` at `{name}`"));
        }
        if !is_harmless(attribute.value()) {
            return Err(format!("has something else than a value in `{attribute_name}` at `{name}`"));
        }
    }
    Ok(())
}

/// A value, or a reference to something inside of the same picture.
fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    let inner = value.strip_prefix("url(#").and_then(|rest| rest.strip_suffix(')')).unwrap_or(value);
    !inner.to_ascii_lowercase().contains("url") && !inner.contains([':', '\\', '<', '&', ';', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(inside: &str) -> String {
        format!(r#"<svg xmlns="{SVG}" viewBox="0 0 8 8">{inside}</svg>"#)
    }

    #[test]
    fn a_picture_is_taken() {
        let gradient = r##"<defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient></defs><rect width="8" height="8" fill="url(#g)"/>"##;
        assert_eq!(check_svg(&svg(gradient)), Ok(()));
        assert_eq!(check_svg(&svg("<title>A &amp; B</title>")), Ok(()));
    }

    #[test]
    fn whatever_is_more_than_a_picture_is_refused() {
        let hostile = [
            "<script>alert(1)</script>",
            "<foreignObject><p/></foreignObject>",
            r#"<g onload="alert(1)"/>"#,
            r##"<use href="#a"/>"##,
            r#"<image href="https://example.org/a.png"/>"#,
            r#"<a href="javascript:alert(1)"/>"#,
            r#"<rect fill="url(https://example.org/a)"/>"#,
            r#"<rect fill="URL(//example.org/a#b)"/>"#,
            r#"<rect style="background:url(x)"/>"#,
            "<style>@import 'x'</style>",
            r#"<animate attributeName="x"/>"#,
            r#"<rect xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="x"/>"#,
            r#"<html xmlns="http://www.w3.org/1999/xhtml"/>"#,
            r#"<script xmlns="http://www.w3.org/1999/xhtml">1</script>"#,
            "<?php 1?>",
            "<g>",
        ];
        for inside in hostile {
            assert!(check_svg(&svg(inside)).is_err(), "{inside}");
        }
        assert!(check_svg(&format!("<!DOCTYPE svg [<!ENTITY a \"b\">]>{}", svg("<title>&a;</title>"))).is_err());
        assert!(check_svg(&format!("<?xml-stylesheet href=\"x\"?>{}", svg(""))).is_err());
        assert!(
            check_svg(&svg(&format!("{}{}", "<g>".repeat(900), "</g>".repeat(900)))).unwrap_err().contains("deeper")
        );
        assert!(check_svg(&"<g>".repeat(9_000)).is_err());
        assert!(check_svg(&svg(&" ".repeat(LOGO_BYTES_MAX))).is_err());
        assert!(check_svg("<svg/>").is_err() && check_svg("").is_err());
    }
}

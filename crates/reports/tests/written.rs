//! Reports written as HTML and PDF: what they say, that hostile text does nothing, and that programs of others read them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::report;
use reports::{html, pdf};

fn hostile() -> String {
    let long = "x".repeat(10_000);
    format!(
        "<script>alert(1)</script> \" ' & </table><img src=x onerror=a> \u{202e}desrever\u{202c} \u{0}\u{7}\u{1b}[31m\r\nשלום עולם \
         abc مرحبا 12 \u{1f600}\u{1f9ff} 東京 Ünïcödé Ελλάδα e\u{301}\u{fffe} ) Tj (( \\ %%EOF endstream {long}"
    )
}

fn saved(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// What a program says of a file; nothing where the program is not there.
fn run(program: &str, before: &[&str], file: &Path, after: &[&str]) -> Option<String> {
    let output = Command::new(program).args(before).arg(file).args(after).output().ok()?;
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, other) = (report("ca-dmv-disengagement", "Atlas"), report("ca-dmv-disengagement", "Atlas"));
    assert_eq!(html(&one), html(&other));
    assert_eq!(pdf(&one).unwrap(), pdf(&other).unwrap());
}

#[test]
fn the_summary_claims_no_more_than_the_numbers() {
    let report = report("ca-dmv-disengagement", "Atlas");
    let summary: Vec<&str> = report.summary.iter().map(|paragraph| paragraph.0.as_str()).collect();
    let summary = summary.join("\n");
    assert!(summary.contains("1 is satisfied, 1 is not satisfied and 2 are not evaluable"), "{summary}");
    assert!(summary.contains("neither claims nor denies"), "{summary}");
    assert!(summary.contains("the evidence is not in the journal (1)"), "{summary}");
    assert!(summary.contains("violations are open and are listed below"), "{summary}");
    assert!(!summary.contains("100"), "a rate with a violation is never 100: {summary}");
    assert!(summary.contains("The form cannot be submitted before"), "{summary}");
}

#[test]
fn the_page_stands_alone_and_escapes_what_others_wrote() {
    let page = html(&report("ca-dmv-disengagement", &hostile()));
    saved("hostile.html", page.as_bytes());
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
    for bad in ["<script", "<img", "\u{202e}", "\u{0}", "\u{1b}", "http://", "https://", "url(", "@import"] {
        assert!(!page.contains(bad), "{bad:?}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &quot; ") && page.contains("東京"));
    assert!(
        page.contains("scope=\"col\"") && page.contains("scope=\"row\"") && page.contains("role=\"img\" aria-label=")
    );
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("@media print"));
}

#[test]
fn every_form_is_written() {
    for form in
        ["ca-dmv-collision", "cpuc-quarterly", "internal-audit", "nhtsa-sgo", "un-r155-yearly", "un-r156-updates"]
    {
        let report = report(form, "Société Atlas Mesh");
        assert!(html(&report).contains("Société Atlas Mesh"));
        let path = saved(&format!("{form}.pdf"), &pdf(&report).unwrap());
        if let Some(text) = run("pdftotext", &["-layout"], &path, &["-"]) {
            assert!(text.contains("Société Atlas Mesh") && text.contains("Page 1 of "), "{form}");
        }
        run("qpdf", &["--check"], &path, &[]);
    }
}

#[test]
fn the_file_is_read_by_programs_of_others_also_with_hostile_text() {
    let bytes = pdf(&report("ca-dmv-disengagement", &hostile())).unwrap();
    let path = saved("hostile.pdf", &bytes);
    if let Some(text) = run("pdftotext", &["-raw"], &path, &["-"]) {
        assert!(text.contains("<script>alert(1)</script>") && text.contains("Ελλάδα") && text.contains("Ünïcödé"));
        assert!(text.contains("characters that the font of this file does not have"), "東京 is replaced and counted");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    }
    if let Some(found) = run("qpdf", &["--check"], &path, &[]) {
        assert!(found.contains("No syntax or stream encoding errors"), "{found}");
    }
    if let Some(info) = run("pdfinfo", &[], &path, &[]) {
        assert!(info.contains("Tagged:          yes") && info.contains("JavaScript:      no"), "{info}");
    }
    if let Some(fonts) = run("pdffonts", &[], &path, &[]) {
        assert!(
            fonts.lines().skip(2).all(|font| font.contains("DejaVuSans") && font.contains("yes yes yes")),
            "{fonts}"
        );
    }
    let plain = report("ca-dmv-disengagement", "Atlas Mesh Motors");
    saved("plain.pdf", &pdf(&plain).unwrap());
    saved("plain.html", html(&plain).as_bytes());
}

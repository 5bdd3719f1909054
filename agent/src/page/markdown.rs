//! Markdown of text widgets: headings, paragraphs, lists, tables, emphasis, code and links.
//!
//! Raw HTML and pictures are left out, and a link leads only where a browser goes by `http` or `https`.

use maud::{Markup, PreEscaped, Render, html};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What is nested deeper is text.
const DEEPEST: usize = 30;

/// A text widget's content.
pub(super) fn render(text: &str) -> Markup {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut out = String::new();
    // What is open and so is to be closed, in order: pictures and links to elsewhere have no element.
    let mut open: Vec<&'static str> = Vec::new();
    let mut hidden = 0_usize;
    let mut head = false;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(tag) => {
                if matches!(tag, Tag::HtmlBlock | Tag::Image { .. } | Tag::MetadataBlock(_)) || hidden > 0 {
                    hidden += 1;
                    continue;
                }
                head |= matches!(tag, Tag::TableHead);
                let element = if open.len() < DEEPEST { element(&tag, head) } else { "" };
                open.push(element);
                begin(&mut out, element, &tag);
            }
            Event::End(_) if hidden > 0 => hidden -= 1,
            Event::End(end) => {
                head &= !matches!(end, TagEnd::TableHead);
                if let Some(element) = open.pop().filter(|element| !element.is_empty()) {
                    out.extend(["</", element, ">"]);
                }
            }
            _ if hidden > 0 => {}
            Event::Text(text) => text.as_ref().render_to(&mut out),
            Event::Code(code) => html! { code { (code.as_ref()) } }.render_to(&mut out),
            Event::SoftBreak => out.push('\n'),
            Event::HardBreak => out.push_str("<br>"),
            Event::Rule => out.push_str("<hr>"),
            // Nobody's markup but what was read above comes onto the page.
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }
    PreEscaped(out)
}

fn element(tag: &Tag<'_>, head: bool) -> &'static str {
    match tag {
        Tag::Paragraph => "p",
        // The page's own headings stand above.
        Tag::Heading { level: HeadingLevel::H1, .. } => "h2",
        Tag::Heading { level: HeadingLevel::H2, .. } => "h3",
        Tag::Heading { .. } => "h4",
        Tag::BlockQuote(_) => "blockquote",
        Tag::CodeBlock(_) => "pre",
        Tag::List(Some(_)) => "ol",
        Tag::List(None) => "ul",
        Tag::Item => "li",
        Tag::Table(_) => "table",
        Tag::TableHead | Tag::TableRow => "tr",
        Tag::TableCell if head => "th",
        Tag::TableCell => "td",
        Tag::Emphasis => "em",
        Tag::Strong => "strong",
        Tag::Strikethrough => "s",
        Tag::Link { dest_url, .. } if is_web(dest_url) => "a",
        _ => "",
    }
}

fn begin(out: &mut String, element: &str, tag: &Tag<'_>) {
    if element.is_empty() {
        return;
    }
    out.extend(["<", element]);
    if let (Tag::Link { dest_url, .. }, "a") = (tag, element) {
        out.push_str(" rel=\"noreferrer noopener\" href=\"");
        dest_url.as_ref().render_to(out);
        out.push('"');
    }
    out.push('>');
}

fn is_web(url: &str) -> bool {
    let lower = url.trim().to_ascii_lowercase();
    lower.starts_with("https://") || lower.starts_with("http://")
}

/// The same as lines of plain text, and whether each is a heading: for a picture.
pub(super) fn lines(text: &str) -> Vec<(String, bool)> {
    let mut lines: Vec<(String, bool)> = Vec::new();
    let mut line = String::new();
    let mut heading = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = true,
            Event::Start(Tag::Item) => line.push_str("• "),
            Event::Text(text) | Event::Code(text) => line.push_str(&text),
            Event::SoftBreak => line.push(' '),
            Event::End(TagEnd::TableCell) => line.push_str("   "),
            Event::HardBreak
            | Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::Item
                | TagEnd::TableRow
                | TagEnd::TableHead
                | TagEnd::CodeBlock,
            ) => {
                lines.extend(Some((std::mem::take(&mut line), heading)).filter(|(line, _)| !line.is_empty()));
                heading = false;
            }
            _ => {}
        }
    }
    lines.extend(Some((line, heading)).filter(|(line, _)| !line.is_empty()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_markup() {
        for (text, markup) in [
            ("# A *b*\n\nc `d`", "<h2>A <em>b</em></h2><p>c <code>d</code></p>"),
            ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
            ("|a|\n|-|\n|b|", "<table><tr><th>a</th></tr><tr><td>b</td></tr></table>"),
            (
                "[x](https://a/?b=\"&c)",
                "<p><a rel=\"noreferrer noopener\" href=\"https://a/?b=&quot;&amp;c\">x</a></p>",
            ),
            (
                "[x](https://a/?b=1&c=2)",
                "<p><a rel=\"noreferrer noopener\" href=\"https://a/?b=1&amp;c=2\">x</a></p>",
            ),
        ] {
            assert_eq!(render(text).into_string(), markup, "{text}");
        }
    }

    #[test]
    fn nothing_foreign_gets_through() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div onclick=x>\n\ninner\n</div>",
            "[x](javascript:alert(1))",
            "[x](JavaScript:alert(1) \"t\")",
            "![x](https://a/b.png)",
            "[x](data:text/html,<b>)",
            "<https://a/\"onmouseover=x>",
            "`<script>`",
            "&lt;script&gt;",
        ] {
            let markup = render(text).into_string();
            for bad in ["<script", "<img", "<div", "javascript:", "data:", "onmouseover=x>", " onclick"] {
                assert!(!markup.to_lowercase().contains(bad), "{text}: {markup}");
            }
        }
        let deep = "> ".repeat(2000) + "x";
        assert!(render(&deep).into_string().contains('x'));
    }

    #[test]
    fn a_picture_has_lines() {
        assert_eq!(
            lines("# A\n\nb *c*\nd\n- e"),
            [("A".to_owned(), true), ("b c d".to_owned(), false), ("• e".to_owned(), false)]
        );
    }
}

//! Provenance as an XMP packet, the form that photo and video programs read from PNG and WAV.

/// An XMP packet that carries a description and IPTC's digital source type (IPTC Photo Metadata 2023.1, `Iptc4xmpExt`).
pub(crate) fn packet(description: &str, source_type_uri: Option<&str>) -> String {
    let source = source_type_uri
        .map(|uri| format!("<Iptc4xmpExt:DigitalSourceType>{}</Iptc4xmpExt:DigitalSourceType>", escape(uri)))
        .unwrap_or_default();
    format!(
        concat!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>",
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">",
            "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" ",
            "xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">",
            "<dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></dc:description>",
            "<xmp:CreatorTool>Pickup</xmp:CreatorTool>{}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>"
        ),
        escape(description),
        source
    )
}

/// Text as XML allows it; control characters, which XML 1.0 cannot carry, are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() && !matches!(c, '\n' | '\t') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_cannot_break_out_of_its_element() {
        let packet = packet("</rdf:li><x a=\"b\">\0&", Some("http://example.com/?a&b"));
        assert!(packet.contains("&lt;/rdf:li&gt;&lt;x a=&quot;b&quot;&gt;&amp;</rdf:li>"), "{packet}");
        assert!(packet.contains("<Iptc4xmpExt:DigitalSourceType>http://example.com/?a&amp;b</"), "{packet}");
    }
}

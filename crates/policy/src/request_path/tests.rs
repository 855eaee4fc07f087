use proptest::prelude::*;

use super::*;

fn canonical(target: &str) -> String {
    match RequestTarget::parse(target) {
        Ok(parsed) => parsed.as_str().to_owned(),
        Err(cause) => panic!("{target:?} was refused: {cause}"),
    }
}

#[test]
fn each_accepted_target_has_one_spelling() {
    for (target, expected) in [
        ("/", "/"),
        ("/invoices/7", "/invoices/7"),
        ("/invoices/", "/invoices/"),
        ("/%69nvoices/%37", "/invoices/7"),
        ("/%7Ejoe", "/~joe"),
        ("/~joe", "/~joe"),
        ("/users/joe%40example.com", "/users/joe@example.com"),
        ("/users/joe@example.com", "/users/joe@example.com"),
        ("/a!$&'()*+,=:@-._~", "/a!$&'()*+,=:@-._~"),
        ("/%21%24%26%27%28%29%2a%2b%2c%3d%3a%40", "/!$&'()*+,=:@"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/café", "/caf%C3%A9"),
        ("/My%20Report.pdf", "/My%20Report.pdf"),
        ("/[a]|{b}^`\"<c>", "/%5Ba%5D%7C%7Bb%7D%5E%60%22%3Cc%3E"),
        ("/100%25", "/100%25"),
        ("/100%25%20off", "/100%25%20off"),
        ("/Ticket%20%237.txt", "/Ticket%20%237.txt"),
        ("/why%3f", "/why%3F"),
        ("/...", "/..."),
        ("/.well-known/x", "/.well-known/x"),
        ("/a..b/..c/d..", "/a..b/..c/d.."),
        ("/Admin", "/Admin"),
        ("/a;b=c%3bd", "/a;b=c%3Bd"),
        ("/group%2fproject", "/group%2Fproject"),
        ("/trail%20", "/trail%20"),
        ("/100%25ab%252f", "/100%25ab%252f"),
        ("/a?", "/a?"),
        ("/a?b=%zz&c=%2e%2e//\\;x=%0a", "/a?b=%zz&c=%2e%2e//\\;x=%0a"),
        ("/a?b?c", "/a?b?c"),
        ("/%61?%61", "/a?%61"),
    ] {
        assert_eq!(canonical(target), expected, "{target}");
    }
}

#[test]
fn path_and_query_come_apart() {
    for (target, path, query) in
        [("/a/b?c=d", "/a/b", Some("c=d")), ("/a?", "/a", Some("")), ("/a", "/a", None)]
    {
        let parsed = RequestTarget::parse(target).unwrap();
        assert_eq!((parsed.path(), parsed.query()), (path, query), "{target}");
    }
}

/// Each class of bypass, plain and encoded, in either case of the digits.
#[test]
fn an_ambiguous_target_is_refused_by_name() {
    use BadTarget::*;
    let table = [
        (Form, &["", "a", "*", "portal:443", "http://portal/a", "?a", "%2fa", "\\a"][..]),
        (Fragment, &["/a#b", "/#", "/a?b#c", "#", "/a%2e#"]),
        (Escape, &["/%", "/%2", "/%zz", "/%u0041", "/%2%65", "/a%/b", "/%%36%31", "/%+1"]),
        (NotUtf8, &["/%ff", "/%c0%ae", "/%c0%af", "/%e0%80%ae", "/%c3", "/%ed%a0%80"]),
        (
            Control,
            &[
                "/a b", "/a\tb", "/a\r\nb", "/a\0", "/%00", "/a%00b", "/a%0ab", "/a%0D", "/%09",
                "/%7f", "/\u{7f}", "/%c2%85", "/\u{85}", "/a\u{0b}", "/a ",
            ],
        ),
        (Backslash, &["/a\\b", "/\\", "/a%5cb", "/a%5Cb", "/..\\a", "/..%5c"]),
        (EmptySegment, &["//", "//a", "/a//b", "/a//", "///", "/%2f", "/a%2f", "/a%2f%2fb"]),
        (
            DotSegment,
            &[
                "/.",
                "/..",
                "/a/.",
                "/a/..",
                "/./a",
                "/../a",
                "/a/../b",
                "/%2e",
                "/%2E%2e",
                "/a/.%2e/b",
                "/%2e./a",
                "/..?b",
                "/..%2f",
                "/%2e%2e%2fa",
                "/a%2f.%2fb",
            ],
        ),
        (Query, &["/a?b c", "/a?b\tc", "/a?b\r\nc", "/a?b\0", "/a?é", "/a?\u{7f}"]),
    ];
    for (cause, targets) in table {
        for target in targets {
            assert_eq!(RequestTarget::parse(target), Err(cause), "{target:?}");
        }
    }
}

#[test]
fn strict_targets_have_no_second_reading() {
    use BadTarget::*;
    for (cause, targets) in [
        (DoubleEscape, &["/%252e", "/%25%32%65", "/%2525", "/%25u002e", "/a%253b"][..]),
        (OuterSpace, &["/admin%20", "/%20admin", "/..%20", "/%C2%A0a", "/a\u{3000}"]),
        (EncodedSlash, &["/a%2fb", "/a%2Fb"]),
        (Semicolon, &["/a;b", "/;", "/a;", "/..;/a", "/a%3bb", "/a%3B", "/a;jsessionid=1"]),
    ] {
        for target in targets {
            let parsed = RequestTarget::parse(target).unwrap();
            assert_eq!(parsed.strict(), Err(cause), "{target:?}");
            assert!(parsed.is_ambiguous(), "{target:?}");
        }
    }
    for target in ["/", "/a/b", "/a%20b", "/100%25", "/a/", "/caf%C3%A9", "/a?b=;%2F"] {
        assert_eq!(RequestTarget::parse(target).unwrap().strict(), Ok(()), "{target:?}");
    }
}

#[test]
fn only_what_portals_agree_about_is_unambiguous() {
    for target in ["/", "/tickets/7", "/~joe/a-b_c", "/joe@example", "/a?B.C;%2F+/"] {
        assert!(!RequestTarget::parse(target).unwrap().is_ambiguous(), "{target}");
    }
    for target in ["/A", "/a.b", "/a/", "/a%20b", "/a;b", "/a+b", "/a:b", "/(a)", "/é"] {
        assert!(RequestTarget::parse(target).unwrap().is_ambiguous(), "{target}");
    }
}

#[test]
fn names_of_causes_are_unique_kebab_case() {
    let mut names: Vec<_> = BadTarget::ALL.iter().map(|cause| cause.as_str()).collect();
    assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b"-8".contains(&b))));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), BadTarget::ALL.len());
}

#[test]
fn the_length_limit_applies_before_and_after_escaping() {
    let fits = format!("/{}", "a".repeat(MAX_TARGET - 1));
    assert_eq!(canonical(&fits), fits);
    assert_eq!(RequestTarget::parse(&format!("{fits}a")), Err(BadTarget::TooLong));
    assert_eq!(RequestTarget::parse(&format!("/?{fits}")), Err(BadTarget::TooLong));
    let grows = format!("/{}", "[".repeat(MAX_TARGET / 2));
    assert_eq!(RequestTarget::parse(&grows), Err(BadTarget::TooLong));
}

/// Targets made of the pieces that parsers disagree about, and of anything else.
fn any_target() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,3}",
        4 => Just("/".to_owned()),
        2 => any::<u8>().prop_map(|b| format!("%{b:02x}")),
        2 => any::<u8>().prop_map(|b| format!("%{b:02X}")),
        2 => proptest::sample::select(vec![
            ".", "..", "%", "%25", "?", "#", ";", "\\", " ", "+", "%20", "%2e", "%2F", "é", "//",
        ])
        .prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// The text with the bytes that `choose` selects escaped, in upper or lower case.
fn escape_some(text: &str, choose: &[(bool, bool)]) -> String {
    let mut out = Vec::new();
    for (byte, (escape, upper)) in text.bytes().zip(choose.iter().cycle()) {
        match (byte, *escape, *upper) {
            (b'/', _, _) | (_, false, _) => out.push(byte),
            (_, true, true) => out.extend(format!("%{byte:02X}").bytes()),
            (_, true, false) => out.extend(format!("%{byte:02x}").bytes()),
        }
    }
    // Half of a character escaped and half not is still text: the rest follows raw.
    String::from_utf8_lossy(&out).into_owned()
}

proptest! {
    #[test]
    fn the_canonical_form_of_a_canonical_form_is_itself(target in any_target()) {
        if let Ok(parsed) = RequestTarget::parse(&target) {
            let again = RequestTarget::parse(parsed.as_str());
            prop_assert_eq!(again.as_ref(), Ok(&parsed));
        }
    }

    #[test]
    fn a_strict_path_holds_nothing_that_could_be_read_otherwise(target in any_target()) {
        if let Ok(parsed) = RequestTarget::parse(&target)
            && parsed.strict().is_ok()
        {
            let path = parsed.path();
            prop_assert!(path.starts_with('/'));
            let plain = |b: u8| b.is_ascii_graphic() && !b"\\;?#[]{}|^`\"<>".contains(&b);
            prop_assert!(path.bytes().all(plain), "{}", path);
            prop_assert!(!path.contains("//"));
            prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
            let decoded = percent_encoding::percent_decode_str(path).decode_utf8().unwrap();
            prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
            // Decoding once more changes nothing.
            let twice = percent_encoding::percent_decode_str(&decoded).decode_utf8().unwrap();
            prop_assert_eq!(&twice, &decoded);
        }
    }

    /// Any bytes of a path may be escaped, with digits of either case: it is the same path.
    #[test]
    fn every_encoding_of_a_path_is_the_same_path(
        path in "(/[a-z0-9.~@:+,=éß\\[ ]{1,6}){1,4}/?",
        choose in proptest::collection::vec(any::<(bool, bool)>(), 1..40),
    ) {
        let all_raw_but_spaces = path.replace(' ', "%20");
        let variant = escape_some(&path, &choose).replace(' ', "%20");
        let expected = RequestTarget::parse(&all_raw_but_spaces);
        match RequestTarget::parse(&variant) {
            // Escaping a part of a character's bytes leaves bytes that are no text.
            _ if variant.contains('\u{fffd}') => {}
            parsed => prop_assert_eq!(parsed, expected, "{}", variant),
        }
    }

    #[test]
    fn nothing_makes_it_panic(target in any::<String>()) {
        let _ = RequestTarget::parse(&target);
    }
}

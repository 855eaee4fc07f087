//! Files as spreadsheets save them, and round trips.

use proptest::prelude::*;

use super::decoding::Encoding;
use super::*;

const COLUMNS: &[Column] = &[
    Column::new("organization", &["kunde", "firma"]),
    Column::new("login", &["benutzername"]),
    Column::new("name", &[]),
    Column::ignored("status"),
];

/// The rows of a file, as `line: column=value, …` or `line: error`.
fn rows(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut sheet = Sheet::open(bytes, COLUMNS).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    while let Some((line, row)) = sheet.next_row().map_err(|error| error.to_string())? {
        let cells = |row: Row| {
            let names = ["organization", "login", "name", "status"].into_iter();
            let cells = names.filter_map(|name| Some(format!("{name}={}", row.get(name)?)));
            cells.collect::<Vec<_>>().join(", ")
        };
        rows.push(format!("{line}: {}", row.map_or_else(|error| error.to_string(), cells)));
    }
    Ok(rows)
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn a_file_is_read_in_every_encoding_and_with_every_separator() {
    let text = "Firma;Benutzername;Name\r\nacme;zoë@acme.example;\"Zoë \"\"Z\"\" Müller\"\r\n";
    let expected = ["2: organization=acme, login=zoë@acme.example, name=Zoë \"Z\" Müller"];
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let tabs = text.replace(';', "\t");
    let commas = text.replace(';', ",");
    let old = text.replace("\r\n", "\r");
    let stated = format!("sep=;\r\n{text}");
    for (bytes, encoding) in [
        (text.as_bytes().to_vec(), Encoding::Utf8),
        (format!("\u{feff}{text}").into_bytes(), Encoding::Utf8),
        (utf16(&format!("\u{feff}{tabs}"), false), Encoding::Utf16),
        (utf16(&format!("\u{feff}{text}"), true), Encoding::Utf16),
        (utf16(text, false), Encoding::Utf16),
        (latin, Encoding::Windows1252),
        (commas.into_bytes(), Encoding::Utf8),
        (old.into_bytes(), Encoding::Utf8),
    ] {
        assert_eq!(rows(&bytes).unwrap(), expected, "{encoding:?}");
        let note = Sheet::open(&bytes, COLUMNS).unwrap().note();
        assert_eq!(note.is_some(), encoding == Encoding::Windows1252, "{encoding:?}");
    }
    assert_eq!(rows(stated.as_bytes()).unwrap(), [expected[0].replacen('2', "3", 1)]);
}

#[test]
fn each_row_has_its_line_in_the_file() {
    let text = "\n\nname,organization,,\n\n\"Anna\nBerg\",acme,,\n,,,\n  ,\nBob,acme\n\n,b,\n,,\n";
    let expected = [
        "5: organization=acme, name=Anna Berg",
        "9: organization=acme, name=Bob",
        "11: organization=b",
    ];
    assert_eq!(rows(text.as_bytes()).unwrap(), expected);
    let crlf = format!("sep=,\r\n{}", text.replace('\n', "\r\n"));
    let expected = expected.map(|row| {
        let (line, rest) = row.split_once(':').unwrap();
        format!("{}:{rest}", line.parse::<u64>().unwrap() + 1)
    });
    assert_eq!(rows(crlf.as_bytes()).unwrap(), expected);
}

#[test]
fn column_names_are_read_in_any_order_and_spelling() {
    for header in
        ["NAME;kunde", "\"Name\" ; Firma", "name;Organization ;;", "name;o-r-g_a n i z a t i o n"]
    {
        let text = format!("{header}\nAnn;acme\n");
        assert_eq!(rows(text.as_bytes()).unwrap(), ["2: organization=acme, name=Ann"], "{header}");
    }
    for (text, message) in [
        (
            "organization,nmae\n",
            "line 1: there is no column `nmae`; the columns are `organization`, `login`, `name`",
        ),
        ("organization,Kunde\n", "line 1: the column `organization` is given twice"),
        (
            "{};\"\"\n",
            "line 1: the first row names no column; the columns are `organization`, `login`, `name`",
        ),
        (
            " \n\n",
            "the file is empty; its first row must name the columns: `organization`, `login`, `name`",
        ),
    ] {
        assert_eq!(rows(text.as_bytes()).unwrap_err(), message);
    }
}

#[test]
fn what_spreadsheets_do_to_texts_is_undone() {
    for (cell, value) in [
        ("=\"0123\"", "0123"),
        ("\"=\"\"0123\"\"\"", "0123"),
        ("'0123", "0123"),
        ("'=1+1", "=1+1"),
        ("''x", "'x"),
        ("'s-Hertogenbosch", "'s-Hertogenbosch"),
        (" x ", "x"),
        ("\u{a0}x", "x"),
        ("1E5", "1E5"),
        ("+49 30 1", "+49 30 1"),
    ] {
        let text = format!("organization,name\na,{cell}\n");
        let expected = format!("2: organization=a, name={value}");
        assert_eq!(rows(text.as_bytes()).unwrap(), [expected], "{cell}");
    }
    let rounded = rows(b"organization;name\na;1,23457E+11\nb;1.2E+20\nc;d\n").unwrap();
    assert!(rounded[0].starts_with("2: `name` is `1,23457E+11`: the spreadsheet has rounded"));
    assert!(rounded[1].starts_with("3: `name` is `1.2E+20`"));
    assert_eq!(rounded[2], "4: organization=c, name=d");
}

#[test]
fn other_files_and_broken_rows_are_refused() {
    for (bytes, message) in [
        (
            &b"PK\x03\x04rest"[..],
            "this is a workbook (.xlsx or .ods), not CSV; save the sheet as CSV",
        ),
        (
            b"\xd0\xcf\x11\xe0",
            "this is an old Excel workbook (.xls), not CSV; save the sheet as CSV",
        ),
        (
            b"organization\na\0b\n",
            "this is not text: it is neither UTF-8, UTF-16 nor Windows-1252; save it as UTF-8",
        ),
        (
            b"\xff\xfea\0\x00\xd8",
            "this is not text: it is neither UTF-8, UTF-16 nor Windows-1252; save it as UTF-8",
        ),
        (
            b"organization,name\na,b\nc,\"d\ne,f\n",
            "line 3: a quote (`\"`) is opened in this row and never closed",
        ),
    ] {
        assert_eq!(rows(bytes).unwrap_err(), message);
    }
    let text = "organization,name\na,b,c\nd,\"1\n2\n3\n4\"\ne,f\n";
    let expected = [
        "2: cell 3 has no column; is there a separator too many, or a quote missing?",
        "3: `name` has 4 lines; is a quote missing?",
        "7: organization=e, name=f",
    ];
    assert_eq!(rows(text.as_bytes()).unwrap(), expected);
}

#[test]
fn no_cell_is_a_formula_for_a_spreadsheet() {
    for cell in ["=1+1", "+1", "-1", "@x", "\tx", "\r=x"] {
        let row = row([cell]);
        assert!(row.trim_start_matches('"').starts_with('\''), "{row:?}");
    }
    assert_eq!(row(["a", "b,c", "d\"e", ""]), "a,\"b,c\",\"d\"\"e\",\r\n");
}

/// Cells whose only difference after a round trip would be space.
fn cell() -> impl Strategy<Value = String> {
    let special = "['=+@\"E,;.0-9-]{0,6}";
    let any = "[^\\p{Cc}\\p{Z}]{0,12}";
    prop_oneof![
        special.prop_map(|text| text),
        any.prop_map(|text| text),
        Just("1,2E+10".to_owned())
    ]
    .prop_map(|text| text.trim().to_owned())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_as_the_same(
        cells in prop::collection::vec((cell(), cell(), cell()), 0..8),
        bom in any::<bool>(),
        wide in any::<bool>(),
    ) {
        let mut text = if bom { "\u{feff}".to_owned() } else { String::new() };
        text += &row(["organization", "login", "name"]);
        for (organization, login, name) in &cells {
            text += &row([organization.as_str(), login, name]);
        }
        let bytes = if wide { utf16(&text, false) } else { text.into_bytes() };
        let mut sheet = Sheet::open(&bytes, COLUMNS).unwrap();
        let mut read = Vec::new();
        while let Some((_, row)) = sheet.next_row().unwrap() {
            let row = row.unwrap();
            let get = |name| row.get(name).unwrap_or_default().to_owned();
            read.push((get("organization"), get("login"), get("name")));
        }
        let empty = (String::new(), String::new(), String::new());
        let written: Vec<_> = cells.into_iter().filter(|cells| *cells != empty).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = [b"organization,name\n", &*bytes].concat();
        if let Ok(mut sheet) = Sheet::open(&text, COLUMNS) {
            while let Ok(Some(_)) = sheet.next_row() {}
        }
    }
}

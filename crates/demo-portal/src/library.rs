//! Documentation, attachments, downloads, and static files.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::input::{Address, incomplete};
use super::page::{self, Block, Cell, Page, grouped, link, missing, text};
use super::portal::Portal;
use super::records::Attachment;
use super::visitor::Visitor;

/// Documents, with names that need escaping.
const DOCUMENTS: [(&str, &str); 5] = [
    ("Getting started.txt", "Create a ticket, and we will call you."),
    ("VPN & remote work.txt", "Start the VPN client, choose your office, and sign in."),
    ("Résumé des services.txt", "Assistance, sauvegarde, réseau, téléphonie."),
    ("Größere Störungen.txt", "Bei größeren Störungen rufen Sie bitte an."),
    ("障害時の連絡先.txt", "障害のときは電話でお知らせください。"),
];

/// The facts shown about a file.
const FILE_HEADS: [&str; 3] = ["Name", "Bytes", "SHA-256"];
/// The largest upload that is kept. Larger ones are counted and hashed, then dropped.
const KEPT_SIZE: usize = 4 * 1024 * 1024;
/// The most attachments of an account.
const KEPT_FILES: usize = 20;
/// The largest download: more than a gateway could buffer.
const LARGEST_DOWNLOAD: u64 = 64 << 30;

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

pub(super) async fn documentation(visitor: Visitor) -> Response {
    let rows =
        DOCUMENTS.iter().map(|(name, _)| vec![link("/documentation", name, *name)]).collect();
    Page::new("Documentation")
        .lead("Guides and downloads.")
        .table(&["Document"], rows)
        .with(Block::Heading("Large files".to_owned()))
        .table(
            &["Download"],
            ["1MiB", "100MiB", "10GiB"]
                .iter()
                .map(|size| vec![link("/downloads", size, format!("A file of {size}"))])
                .collect(),
        )
        .show(&visitor)
}

pub(super) async fn document(visitor: Visitor, Address(name): Address<String>) -> Response {
    match DOCUMENTS.iter().find(|(known, _)| *known == name) {
        Some((name, content)) => {
            Page::new(format!("Documentation: {name}")).text(*content).show(&visitor)
        }
        None => missing("This document", &visitor),
    }
}

pub(super) async fn attachments(State(portal): State<Portal>, visitor: Visitor) -> Response {
    let attachments = portal.account(&visitor, |account| account.attachments.clone());
    let rows = attachments
        .into_iter()
        .map(|file| {
            vec![
                link("/attachments", &file.number.to_string(), file.name),
                Cell::Number(grouped(file.size)),
                text(file.sha256),
            ]
        })
        .collect();
    let form = page::Form::new("/attachments", "Upload").field("file", "file", "File", "");
    Page::new("Attachments")
        .lead("The files of your account.")
        .table(&FILE_HEADS, rows)
        .with(Block::Form(form))
        .show(&visitor)
}

/// Reads each file of the form as a stream, so that its size does not matter.
pub(super) async fn upload(
    State(portal): State<Portal>,
    visitor: Visitor,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    let Ok(mut form) = form else {
        return incomplete("The form has no file.", &visitor);
    };
    // A visitor who may upload files may not list them, so there is no redirect to the list.
    let mut rows = Vec::new();
    loop {
        let mut field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(error) => return broken_off(&error, &visitor),
        };
        let Some(name) = field.file_name().map(readable) else {
            continue;
        };
        if name.is_empty() {
            return incomplete("No file was chosen, or it has no name.", &visitor);
        }
        let media_type = field.content_type().unwrap_or("application/octet-stream").to_owned();
        let (mut size, mut hash, mut kept) = (0_u64, Sha256::new(), Some(BytesMut::new()));
        loop {
            let chunk = match field.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return broken_off(&error, &visitor),
            };
            size += chunk.len() as u64;
            hash.update(&chunk);
            kept = kept.filter(|kept| kept.len() + chunk.len() <= KEPT_SIZE);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&chunk);
            }
        }
        let sha256 = data_encoding::HEXLOWER.encode(&hash.finalize());
        let content = kept.map(BytesMut::freeze);
        rows.push(vec![text(name.clone()), Cell::Number(grouped(size)), text(sha256.clone())]);
        portal.account(&visitor, |account| {
            if account.attachments.len() >= KEPT_FILES {
                account.attachments.remove(0);
            }
            let number = account.next_number();
            account.attachments.push(Attachment {
                number,
                name,
                media_type,
                size,
                sha256,
                content,
            });
        });
    }
    if rows.is_empty() {
        return incomplete("The form has no file.", &visitor);
    }
    let page = Page::new("Attachment received")
        .lead("Thank you. It has been added to your account.")
        .table(&FILE_HEADS, rows);
    (StatusCode::CREATED, page.show(&visitor)).into_response()
}

fn broken_off(error: &MultipartError, visitor: &Visitor) -> Response {
    let page = Page::new("Not received").lead("The upload was interrupted. Please try again.");
    (error.status(), page.show(visitor)).into_response()
}

/// A file's name, with the escapes that browsers use for quotation marks and line ends (HTML,
/// section 4.10.22.8) decoded.
fn readable(name: &str) -> String {
    let name = name.replace("%22", "\"").replace("%0D", " ").replace("%0A", " ");
    name.replace(char::is_control, " ").trim().to_owned()
}

pub(super) async fn attachment(
    State(portal): State<Portal>,
    visitor: Visitor,
    Address(number): Address<u32>,
) -> Response {
    let found = portal.account(&visitor, |account| {
        account.attachments.iter().find(|file| file.number == number).cloned()
    });
    let Some(file) = found else {
        return missing("This attachment", &visitor);
    };
    let Some(content) = file.content else {
        let page = Page::new(file.name).lead("This file was too large and was not kept.");
        return (StatusCode::GONE, page.show(&visitor)).into_response();
    };
    let name = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
    let headers = [
        (header::CONTENT_TYPE, file.media_type),
        // An uploaded file must not be displayed as a page of the portal.
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, content).into_response()
}

/// Zero bytes, generated while they are sent: `/downloads/4096`, `/downloads/10GiB`.
pub(super) async fn download(visitor: Visitor, Address(size): Address<String>) -> Response {
    let Some(size) = parse_size(&size).filter(|size| *size <= LARGEST_DOWNLOAD) else {
        return missing("A file of this size", &visitor);
    };
    let chunks = stream::unfold(size, |left| async move {
        let length = left.min(ZEROS.len() as u64);
        let chunk = ZEROS.get(..usize::try_from(length).ok()?)?;
        (length > 0).then(|| (Ok::<_, Infallible>(Bytes::from_static(chunk)), left - length))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"zeros.bin\"".to_owned()),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

pub(super) async fn static_file(Address(file): Address<String>) -> Response {
    let (media_type, content) = match file.as_str() {
        "portal.css" => ("text/css", include_str!("../assets/portal.css")),
        "portal.svg" => ("image/svg+xml", include_str!("../assets/portal.svg")),
        "chat.js" => ("text/javascript", include_str!("../assets/chat.js")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "max-age=300")];
    (headers, content).into_response()
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit: u64 = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;

const STEP: Duration = Duration::from_secs(300);

/// What a server says: after how long, and to which command.
type Line = (u64, &'static str);

/// A server that goes through a script: it waits for each beginning of a line, then answers.
fn server(script: Vec<(&'static str, Line)>) -> (DuplexStream, JoinHandle<Vec<String>>) {
    let (ours, theirs) = duplex(64 * 1024);
    let serving = tokio::spawn(async move {
        let mut theirs = BufReader::new(theirs);
        let mut heard = Vec::new();
        for (expected, (after, answer)) in script {
            while !expected.is_empty() {
                let mut line = String::new();
                if theirs.read_line(&mut line).await.unwrap() == 0 {
                    return heard;
                }
                heard.push(line.trim_end().to_owned());
                if line.starts_with(expected) {
                    break;
                }
            }
            sleep(Duration::from_secs(after)).await;
            theirs.write_all(answer.as_bytes()).await.unwrap();
        }
        // The conversation is left open until the other side has ended it.
        let mut rest = Vec::new();
        let _ = theirs.read_to_end(&mut rest).await;
        heard.push(String::from_utf8_lossy(&rest).into_owned());
        heard
    });
    (ours, serving)
}

/// A server that takes a message, and answers its end in this way.
fn taking(end: Line) -> (DuplexStream, JoinHandle<Vec<String>>) {
    server(vec![
        ("", (0, "220 mail.example\r\n")),
        ("EHLO", (0, "250-mail.example\r\n250 auth plain\r\n")),
        ("MAIL", (0, "250\r\n")),
        ("RCPT", (0, "251 will forward\r\n")),
        ("DATA", (0, "354\r\n")),
        (".\r", end),
    ])
}

async fn send(stream: DuplexStream, message: &[u8]) -> Result<(), Failure> {
    let address = |text: &str| text.parse::<Address>().unwrap();
    let envelope = Envelope::new(Some(address("a@b.example")), vec![address("c@d.example")]);
    let mut conversation = Conversation::begin(stream, "us.example", Timeouts::new(STEP)).await?;
    conversation.send(&envelope.unwrap(), message).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_message_has_ten_minutes_and_any_text() {
    for answer in ["250 taken\r\n", "250\r\n", "250-\u{fc}\r\n250 x\n", "299\r\n"] {
        assert_eq!(send(taking((599, answer)).0, b"hi\r\n").await, Ok(()), "{answer:?}");
    }
    let failed = send(taking((601, "250 taken\r\n")).0, b"hi\r\n").await.unwrap_err();
    let expected = "the end of the message: the server did not answer within 10m";
    assert_eq!(failed, Failure::Unconfirmed(expected.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_the_message_that_says_nothing_is_unconfirmed() {
    for answer in ["what\r\n", "25\r\n", "354 more\r\n", "250-one\r\n550 two\r\n"] {
        let failed = send(taking((0, answer)).0, b"hi\r\n").await.unwrap_err();
        assert!(matches!(failed, Failure::Unconfirmed(_)), "{answer:?}: {failed:?}");
    }
    for answer in ["450 later\r\n", "554 no\r\n"] {
        let failed = send(taking((0, answer)).0, b"hi\r\n").await.unwrap_err();
        assert!(matches!(failed, Failure::Refused(Step::Message, _)), "{answer:?}: {failed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_step_before_the_message_has_its_time_and_is_a_failure() {
    let script = [
        ("", "220 hi\r\n", Step::Greeting),
        ("EHLO", "250 hi\r\n", Step::Ehlo),
        ("MAIL", "250 ok\r\n", Step::Mail),
        ("RCPT", "250 ok\r\n", Step::Rcpt),
        ("DATA", "354 ok\r\n", Step::Data),
        (".\r", "250 ok\r\n", Step::End),
    ];
    for (late, (_, _, step)) in script.iter().enumerate().take(5) {
        for (after, answer) in [(299, None), (301, None), (0, Some("451 no\r\n"))] {
            let lines = script.iter().enumerate().map(|(at, (expected, usual, _))| {
                let now = at == late;
                let answer = if now { answer.unwrap_or(usual) } else { usual };
                (*expected, (if now { after } else { 0 }, answer))
            });
            let sent = send(server(lines.collect()).0, b"hi\r\n").await;
            match (after, answer) {
                (299, _) => assert_eq!(sent, Ok(()), "{step}"),
                (_, None) => {
                    let why = format!("{step}: the server did not answer within 5m");
                    assert_eq!(sent, Err(Failure::Broken(*step, why)));
                }
                (_, Some(_)) => assert!(matches!(sent, Err(Failure::Refused(..))), "{step}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_ends_where_it_ends_and_nowhere_before() {
    let (stream, serving) = taking((0, "250 ok\r\n"));
    send(stream, b".\r\nMAIL FROM:<x@y>\n.\n..two\r\nend").await.unwrap();
    let heard = serving.await.unwrap();
    let data = heard.iter().position(|line| line == "DATA").unwrap();
    let message = ["..", "MAIL FROM:<x@y>", "..", "...two", "end", ".", ""];
    assert_eq!(heard[data + 1..], message);
}

#[tokio::test(start_paused = true)]
async fn what_comes_in_the_clear_before_tls_ends_the_conversation() {
    for (answer, goes_on) in [("220 go\r\n", true), ("220 go\r\n250 mine\r\n", false)] {
        let (stream, _serving) = server(vec![
            ("", (0, "220 hi\r\n")),
            ("EHLO", (0, "250-hi\r\n250 StartTLS\r\n")),
            ("STARTTLS", (0, answer)),
        ]);
        let clear = Conversation::begin(stream, "us.example", Timeouts::new(STEP)).await.unwrap();
        assert_eq!(clear.starttls().await.is_ok(), goes_on);
    }
}

#[tokio::test(start_paused = true)]
async fn signing_in_uses_what_is_offered() {
    let password = Secret::new("secret".to_owned());
    for (offered, expected) in [
        ("250 AUTH LOGIN plain\r\n", vec!["AUTH PLAIN AG1lAHNlY3JldA=="]),
        ("250 auth LOGIN\r\n", vec!["AUTH LOGIN", "bWU=", "c2VjcmV0"]),
        ("250 AUTH CRAM-MD5\r\n", vec![]),
        ("250 HELP\r\n", vec![]),
    ] {
        let hello: &'static str = Box::leak(format!("250-hi\r\n{offered}").into_boxed_str());
        let mut script = vec![("", (0, "220 hi\r\n")), ("EHLO", (0, hello))];
        for (at, line) in expected.iter().enumerate() {
            let last = at + 1 == expected.len();
            script.push((*line, (0, if last { "235\r\n" } else { "334 eA==\r\n" })));
        }
        let (stream, _serving) = server(script);
        let mut conversation =
            Conversation::begin(stream, "us.example", Timeouts::new(STEP)).await.unwrap();
        let signed_in = conversation.sign_in("me", &password).await;
        assert_eq!(signed_in.is_ok(), !expected.is_empty(), "{offered}: {signed_in:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_reply_that_says_so_is_about_the_address() {
    for (answer, is_final) in [
        ("550 5.1.1 nobody\r\n", true),
        ("550-5.1.1 nobody\r\n550 5.1.1 here\r\n", true),
        ("550 nobody\r\n", false),
        ("450 5.1.1 later\r\n", false),
        ("550 5.7.1 no relaying\r\n", false),
    ] {
        let (stream, _serving) = server(vec![
            ("", (0, "220 hi\r\n")),
            ("EHLO", (0, "250 hi\r\n")),
            ("MAIL", (0, "250 ok\r\n")),
            ("RCPT", (0, answer)),
        ]);
        match send(stream, b"hi\r\n").await {
            Err(Failure::Refused(Step::Rcpt, reply)) => {
                assert_eq!(reply.no_such_address(), is_final, "{answer}");
            }
            other => panic!("{answer}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_step_takes_longer_than_until_the_deadline() {
    let deadline = Instant::now() + Duration::from_secs(45);
    let timeouts = Timeouts::until(Duration::from_secs(10), deadline);
    assert_eq!((timeouts.step(), timeouts.end()), (Duration::from_secs(10), timeouts.step()));
    sleep(Duration::from_millis(40_500)).await;
    let (stream, _serving) = server(vec![("", (5, "220 hi\r\n"))]);
    let late = Conversation::begin(stream, "us.example", timeouts).await.unwrap_err();
    let why = "the greeting: the server did not answer within 4s".to_owned();
    assert_eq!((late, Instant::now()), (Failure::Broken(Step::Greeting, why), deadline));
    assert_eq!(timeouts.step(), Duration::ZERO);
}

use super::*;

fn bounds(total: usize, server: usize, address: usize, connection: usize) -> Arc<Bounds> {
    Arc::new(Bounds {
        total: Shared::new(total),
        servers: [server, server].map(ServerRequests::new).into(),
        shares: Shares::default(),
        for_address: address,
        for_link: address,
        for_connection: connection,
    })
}

fn from(last: u8) -> Sender {
    Sender::of(None, || [192, 0, 2, last].into())
}

fn link(organization: &str) -> Sender {
    Sender::Free(Share::Link(organization.into()))
}

#[test]
fn i12_a_dropped_slot_no_longer_counts() {
    let bounds = bounds(4, 2, 2, 2);
    let connection = ConnectionRequests::default();
    for _ in 0..10 {
        let mut slot = bounds.take(from(1), Some(&connection)).unwrap();
        assert!(slot.take_server(0) && slot.take_server(1));
    }
    assert!(bounds.shares.shards.iter().all(|shard| shard.lock().is_empty()));
    assert_eq!(connection.0.at_portal.load(Ordering::Relaxed), 0);
    for shared in [&bounds.total, &bounds.servers[0].0, &bounds.servers[1].0] {
        assert_eq!(shared.all.load(Ordering::Relaxed), 0);
        assert_eq!(shared.free.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn i12_unread_bodies_of_a_connection_are_limited() {
    let connection = ConnectionRequests::default();
    let held: Vec<_> = std::iter::from_fn(|| connection.unread()).take(100).collect();
    assert_eq!(held.len(), MOST_UNREAD);
    assert!(ConnectionRequests::default().unread().is_some());
    drop(held);
    assert!(connection.unread().is_some());
}

#[test]
fn i12_requests_without_session_are_limited_by_address() {
    let bounds = bounds(100, 100, 2, 100);
    let _held = [bounds.take(from(1), None).unwrap(), bounds.take(from(1), None).unwrap()];
    let exceeded = Exceeded::Address([192, 0, 2, 1].into());
    assert_eq!(bounds.take(from(1), None).unwrap_err(), exceeded);
    assert!(bounds.take(from(2), None).is_ok());
    // An office behind one address.
    let users: Vec<_> = (0..90).map(|_| bounds.take(Sender::User, None).unwrap()).collect();
    assert_eq!(users.len(), 90);
}

#[test]
fn i12_requests_of_one_link_are_limited() {
    let bounds = bounds(100, 100, 2, 100);
    let held = [(); 2].map(|()| bounds.take(link("acme"), None).unwrap());
    assert_eq!(bounds.take(link("acme"), None).unwrap_err(), Exceeded::Link("acme".into()));
    assert!(bounds.take(link("other"), None).is_ok());
    drop(held);
    assert!(bounds.take(link("acme"), None).is_ok());
}

#[test]
fn i12_an_ipv6_network_is_one_address() {
    let of = |text: &str| Sender::of(None, || text.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_eq!(of("::ffff:192.0.2.1"), from(1));
}

#[test]
fn i12_free_senders_leave_half_to_users() {
    let bounds = bounds(4, 4, 100, 100);
    let _link = bounds.take(link("acme"), None).unwrap();
    let _stranger = bounds.take(from(1), None).unwrap();
    assert_eq!(bounds.take(from(2), None).unwrap_err(), Exceeded::Total);
    assert_eq!(bounds.take(link("other"), None).unwrap_err(), Exceeded::Total);
    let users = [(); 2].map(|()| bounds.take(Sender::User, None).unwrap());
    assert_eq!(bounds.take(Sender::User, None).unwrap_err(), Exceeded::Total);
    drop(users);
    assert!(bounds.take(Sender::User, None).is_ok());
}

#[test]
fn i12_a_slot_moves_on_from_a_full_server() {
    let bounds = bounds(100, 1, 100, 100);
    let [mut first, mut second] = [(); 2].map(|()| bounds.take(Sender::User, None).unwrap());
    assert!(first.take_server(0));
    assert!(!second.take_server(0));
    assert!(second.take_server(1));
    drop(first);
    assert!(second.take_server(0), "a slot is at one server at a time");
    assert!(bounds.take(Sender::User, None).unwrap().take_server(1));
}

#[test]
fn i12_requests_of_one_connection_are_limited() {
    let bounds = bounds(100, 100, 100, 2);
    let [one, other] = [(); 2].map(|()| ConnectionRequests::default());
    let _held = [(); 2].map(|()| bounds.take(Sender::User, Some(&one)).unwrap());
    assert_eq!(bounds.take(Sender::User, Some(&one)).unwrap_err(), Exceeded::Connection);
    assert!(bounds.take(Sender::User, Some(&other)).is_ok());
}

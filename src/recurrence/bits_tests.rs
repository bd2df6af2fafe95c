use super::*;

fn bits(places: &[u32]) -> Bits {
    let mut bits = Bits::default();
    for place in places {
        bits.put(*place, 1);
    }
    bits
}

#[test]
fn words_may_lie_across_a_border() {
    let mut set = Bits::default();
    set.put(50, 0x7fff_ffff);
    assert_eq!(set.places().collect::<Vec<_>>(), (50..81).collect::<Vec<_>>());
    let mut end = Bits::default();
    end.put(365, 1);
    end.put(400, 1);
    end.set(-1);
    assert_eq!(end.places().collect::<Vec<_>>(), [365]);
}

#[test]
fn places_are_found_counted_and_selected() {
    let set = bits(&[0, 63, 64, 127, 200, 365]);
    for (from, found) in
        [(0, Some(0)), (1, Some(63)), (64, Some(64)), (65, Some(127)), (201, Some(365)), (366, None), (9999, None)]
    {
        assert_eq!(set.first_from(from), found, "{from}");
    }
    for (from, to, count) in [(0, 366, 6), (0, 0, 0), (1, 64, 1), (64, 365, 3), (300, 200, 0), (0, 10_000, 6)] {
        assert_eq!(set.count(from, to), count, "{from} {to}");
    }
    for (positions, left) in [
        (&[1][..], &[0][..]),
        (&[-1], &[365]),
        (&[2, -2], &[63, 200]),
        (&[6, -6], &[0, 365]),
        (&[7, -7, 366, -366], &[]),
        (&[1, -6], &[0]),
    ] {
        assert_eq!(set.select(positions), bits(left), "{positions:?}");
    }
}

//! Where frames come from. A program has few such places, and a frame names its own by a number of two bytes.

use std::ptr;

use crate::label::Place;

/// Names a place as long as the table lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlaceKey(u16);

impl PlaceKey {
    /// Stands where there is none: the frame is vacant, or the table was full.
    pub(super) const NONE: PlaceKey = PlaceKey(u16::MAX);
}

/// All places that frames came from, with a hash table of them.
pub(super) struct Places {
    places: Vec<Place>,
    /// A power of two, at least four times as many as there are places; each is looked for from where its hash
    /// leads to on.
    slots: Vec<Slot>,
    /// What was found last: many frames in a row come from one place.
    last: Slot,
}

#[derive(Clone, Copy)]
struct Slot {
    /// Addresses, 0 if it is empty.
    type_name: usize,
    site: usize,
    key: PlaceKey,
}

const EMPTY: Slot = Slot {
    type_name: 0,
    site: 0,
    key: PlaceKey::NONE,
};

impl Places {
    pub(super) const fn new() -> Places {
        Places {
            places: Vec::new(),
            slots: Vec::new(),
            last: EMPTY,
        }
    }

    pub(super) fn get(&self, key: PlaceKey) -> Option<Place> {
        self.places.get(usize::from(key.0)).copied()
    }

    /// The number of a place, a new one if need be. `NONE`: there are too many.
    #[inline]
    pub(super) fn key(&mut self, place: Place) -> PlaceKey {
        let (type_name, site) = addresses(place);
        if self.last.site == site && self.last.type_name == type_name {
            return self.last.key;
        }
        self.find(place)
    }

    #[inline(never)]
    fn find(&mut self, place: Place) -> PlaceKey {
        let (type_name, site) = addresses(place);
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash(type_name, site) & mask;
        // Without slots there is nothing to be found.
        while let Some(slot) = self.slots.get(at) {
            if slot.site == site && slot.type_name == type_name {
                self.last = *slot;
                return slot.key;
            }
            if slot.site == 0 {
                break;
            }
            at = (at + 1) & mask;
        }
        self.add(place)
    }

    #[cold]
    fn add(&mut self, place: Place) -> PlaceKey {
        let count = self.places.len();
        if count >= usize::from(PlaceKey::NONE.0) {
            return PlaceKey::NONE;
        }
        self.places.push(place);
        if self.slots.len() < 4 * self.places.len() {
            self.slots = vec![EMPTY; (2 * self.slots.len()).max(32)];
            for number in 0..count {
                self.put(number);
            }
        }
        self.put(count);
        PlaceKey(count as u16)
    }

    /// Puts a place that is not in the table into it.
    fn put(&mut self, number: usize) {
        let (type_name, site) = addresses(self.places[number]);
        let mask = self.slots.len() - 1;
        let mut at = hash(type_name, site) & mask;
        while self.slots[at].site != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = Slot {
            type_name,
            site,
            key: PlaceKey(number as u16),
        };
    }
}

#[inline]
fn addresses(place: Place) -> (usize, usize) {
    (place.type_name as usize, ptr::from_ref(place.site) as usize)
}

/// Of addresses that are near each other, and multiples of eight or more.
#[inline]
fn hash(type_name: usize, site: usize) -> usize {
    let mixed = (site ^ type_name.rotate_left(21)) as u64;
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
}

#[cfg(test)]
mod tests {
    use std::panic::Location;
    use std::sync::OnceLock;

    use super::*;

    const COUNT: usize = if cfg!(miri) { 300 } else { 70_000 };

    /// Very many places.
    fn all() -> impl Iterator<Item = Place> {
        // One pointer, as Miri makes another of a function each time it is asked.
        static TYPE_NAME: fn() -> &'static str = std::any::type_name::<u8>;
        static SITES: OnceLock<Vec<Location<'static>>> = OnceLock::new();
        let sites = SITES.get_or_init(|| vec![*Location::caller(); COUNT]);
        sites.iter().map(|site| Place {
            type_name: TYPE_NAME,
            site,
        })
    }

    #[test]
    fn each_place_has_its_number_until_there_are_too_many() {
        let mut places = Places::new();
        let max = usize::from(u16::MAX);
        for round in 0..2 {
            for (number, place) in all().enumerate() {
                let key = places.key(place);
                let found = places.get(key);
                assert_eq!(found.is_some(), number < max, "{number} in round {round}");
                assert!(found.is_none_or(|found| ptr::eq(found.site, place.site)));
            }
        }
        assert_eq!(places.places.len(), COUNT.min(max));
    }

    #[test]
    fn two_types_at_one_place_are_two() {
        let mut places = Places::new();
        let site = Location::caller();
        let names: [fn() -> &'static str; 2] =
            [std::any::type_name::<u8>, std::any::type_name::<u16>];
        let keys = names.map(|type_name| places.key(Place { type_name, site }));
        let found = keys.map(|key| places.get(key).map(|place| (place.type_name)()));
        assert_eq!(found, [Some("u8"), Some("u16")]);
    }
}

//! Points of the earth, and circles around them.

use super::walk::Entry;

/// A point, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    longitude: f64,
    latitude: f64,
}

impl Point {
    /// Reads `lon,lat` in degrees, as the session has it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (longitude, latitude) = text.split_once(',')?;
        let degrees = |text: &str, most: f64| {
            let number: f64 = text.trim().parse().ok()?;
            (-most..=most).contains(&number).then_some(number)
        };
        Some(Self {
            longitude: degrees(longitude, 180.0)?,
            latitude: degrees(latitude, 90.0)?,
        })
    }

    /// The angle between two points as seen from the centre of the earth, in degrees (haversine).
    fn degrees_to(self, other: Self) -> f64 {
        let half_sine = |a: f64, b: f64| ((b - a).to_radians() / 2.0).sin().powi(2);
        let parallel = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let h = half_sine(self.latitude, other.latitude)
            + parallel * half_sine(self.longitude, other.longitude);
        2.0 * h.clamp(0.0, 1.0).sqrt().asin().to_degrees()
    }
}

/// Every point within an angle of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Circle {
    centre: Point,
    degrees: f64,
}

impl Circle {
    /// Reads the tables `lon`, `lat`, `degrees` under `key`.
    pub(super) fn read_all(entry: &Entry<'_>, key: &str) -> Vec<Self> {
        let circles = entry.entries(key, &["lon", "lat", "degrees"]);
        circles.iter().filter_map(Self::read).collect()
    }

    fn read(entry: &Entry<'_>) -> Option<Self> {
        let longitude = entry.require_number("lon", -180.0, 180.0);
        let latitude = entry.require_number("lat", -90.0, 90.0);
        let degrees = entry.require_number("degrees", 0.0, 180.0);
        Some(Self {
            centre: Point {
                longitude: longitude?,
                latitude: latitude?,
            },
            degrees: degrees?,
        })
    }

    /// Whether a point lies in it.
    pub(super) fn holds(&self, point: Point) -> bool {
        self.centre.degrees_to(point) <= self.degrees
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn coordinates_are_longitude_and_latitude() {
        let point = |longitude, latitude| {
            Some(Point {
                longitude,
                latitude,
            })
        };
        for (text, read) in [
            ("-43.2,-22.9", point(-43.2, -22.9)),
            (" 0 , 0 ", point(0.0, 0.0)),
            ("180,90", point(180.0, 90.0)),
            ("181,0", None),
            ("0,91", None),
            ("NaN,0", None),
            ("inf,0", None),
            ("-43.2;-22.9", None),
            ("1,2,3", None),
            ("", None),
        ] {
            assert_eq!(Point::read(text), read, "{text}");
        }
    }

    #[test]
    fn a_circle_reaches_across_the_date_line() {
        let circle = Circle {
            centre: Point::read("179.8,0").unwrap(),
            degrees: 1.0,
        };
        for (text, inside) in [("-179.5,0", true), ("-179.1,0", false), ("179.8,0.9", true)] {
            assert_eq!(circle.holds(Point::read(text).unwrap()), inside, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,40}") {
            Point::read(&text);
        }
    }
}

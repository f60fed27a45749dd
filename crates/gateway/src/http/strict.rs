//! JSON as its shapes describe it. Serde also reads a struct from a list of its fields, so that `[-71.25, -29.9]`, which
//! is longitude and latitude wherever lists are places, would be the place `{ lat: -71.25, lon: -29.9 }`: here an object
//! is an object.

use serde::Deserializer;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Error as _, IntoDeserializer, Unexpected, Visitor};
use serde_json::{Error, Value};

/// A value that is read strictly, and all that is in it.
#[derive(Debug)]
pub struct Strict(pub Value);

impl<'de> IntoDeserializer<'de, Error> for Strict {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Strict {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => SeqDeserializer::new(items.into_iter().map(Strict)).deserialize_any(visitor),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (name, Strict(value)));
                MapDeserializer::new(fields).deserialize_any(visitor)
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(_) => Err(Error::invalid_type(Unexpected::Seq, &"an object")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use fleet::vehicle::profile::Registration;
    use kernel::Coordinate;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
        T::deserialize(Strict(value)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_described_is_read_and_a_list_is_no_object() {
        let place = Coordinate::new(-29.9, -71.25).unwrap();
        assert_eq!(read(json!({ "lat": -29.9, "lon": -71.25 })), Ok(place));
        assert_eq!(read(json!([null, { "lat": -29.9, "lon": -71.25 }])), Ok(vec![None, Some(place)]));
        let list = read::<Coordinate>(json!([-29.9, -71.25]));
        assert_eq!(list, Err("invalid type: sequence, expected an object".into()));
        assert!(read::<Vec<Coordinate>>(json!([[-29.9, -71.25]])).is_err());
        let mut vehicle = json!({
            "site": "town", "name": "car", "max_speed_mps": 20, "energy_capacity_wh": 1e5, "sectors": ["ride-hail"],
            "components": [{ "name": "ads", "version": "1" }], "vin": null,
        });
        assert_eq!(read::<Registration>(vehicle.clone()).unwrap().components[0].name, "ads");
        vehicle["components"] = json!([["ads", "1", ""]]);
        assert!(read::<Registration>(vehicle).is_err());
    }
}

//! JSON Schema of types that are written as one text.

pub use schemars;

/// Describes a type that serializes as a text: `text_schema!(SiteId, { "pattern": NAME });`
#[macro_export]
macro_rules! text_schema {
    ($type:ident, { $($key:literal: $value:expr),* }) => {
        impl $crate::schema::schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($type)).into()
            }
            fn json_schema(_: &mut $crate::schema::schemars::SchemaGenerator) -> $crate::schema::schemars::Schema {
                $crate::schema::schemars::json_schema!({ "type": "string" $(, $key: $value)* })
            }
        }
    };
}

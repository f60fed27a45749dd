//! Tenants, their sectors and entitlements, and the principals that act for them.

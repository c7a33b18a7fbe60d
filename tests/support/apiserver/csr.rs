//! The rules of CertificateSigningRequests, S-CSR-2 and S-CSR-6 to 8.

use serde_json::{Value, json};

use super::kinds::Resource;
use super::object::now;
use super::status::Status;

/// Those that decide what becomes of a request.
const FINAL: [&str; 3] = ["Approved", "Denied", "Failed"];

/// S-CSR-2: who asks is what the server knows, and nothing has been decided yet.
pub(super) fn create(value: &mut Value, user: &str) {
    let spec = &mut value["spec"];
    spec["username"] = user.into();
    spec["groups"] = json!(["system:masters", "system:authenticated"]);
    for field in ["uid", "extra"] {
        if let Some(spec) = spec.as_object_mut() {
            spec.remove(field);
        }
    }
    value["status"] = json!({});
}

/// What an update by way of `subresource` (empty for none) makes of an object.
pub(super) fn update(
    resource: &Resource,
    subresource: &str,
    old: &Value,
    mut new: Value,
) -> Result<Value, Status> {
    let name = old["metadata"]["name"].as_str().unwrap_or_default();
    let refuse = |field: &str, why: &str| Err(Status::invalid(resource, name, field, why));
    new["spec"] = old["spec"].clone();
    match subresource {
        "" => {
            new["status"] = old["status"].clone();
            return Ok(new);
        }
        "approval" => {
            let conditions = new["status"]["conditions"].take();
            new["status"] = old["status"].clone();
            new["status"]["conditions"] = conditions;
        }
        _ => {
            let (before, after) = (&old["status"]["certificate"], &new["status"]["certificate"]);
            if !before.is_null() && before != after {
                let why = "Forbidden: updates may not modify existing certificate content";
                return refuse("status.certificate", why);
            }
            if !after.is_null() && !is_certificates(after) {
                let why = "Invalid value: \"<certificate data>\": expected at least one CERTIFICATE \
                           PEM block, and nothing else";
                return refuse("status.certificate", why);
            }
        }
    }
    let before = conditions(old);
    let mut after = conditions(&new);
    for (index, condition) in after.iter().enumerate() {
        let field = format!("status.conditions[{index}]");
        let kind = text(condition, "type");
        if kind.is_empty() {
            return refuse(&format!("{field}.type"), "Required value");
        }
        let status = text(condition, "status");
        let is_known = if FINAL.contains(&kind) {
            status == "True"
        } else {
            ["True", "False", "Unknown"].contains(&status)
        };
        if !is_known {
            return refuse(&format!("{field}.status"), &format!("Unsupported value: \"{status}\""));
        }
        if after.iter().take(index).any(|other| text(other, "type") == kind) {
            return refuse(&format!("{field}.type"), &format!("Duplicate value: \"{kind}\""));
        }
    }
    let find = |conditions: &[Value], kind: &str| {
        conditions.iter().find(|condition| text(condition, "type") == kind).cloned()
    };
    for kind in FINAL {
        if find(&before, kind).is_some() && find(&after, kind).is_none() {
            let why = format!("Forbidden: updates may not remove a condition of type \"{kind}\"");
            return refuse("status.conditions", &why);
        }
    }
    if find(&after, "Approved").is_some() && find(&after, "Denied").is_some() {
        let why =
            "Invalid value: \"Denied\": Approved and Denied conditions are mutually exclusive";
        return refuse("status.conditions", why);
    }
    if subresource != "approval" {
        for kind in ["Approved", "Denied"] {
            let what = match (find(&before, kind), find(&after, kind)) {
                (None, Some(_)) => "add",
                (Some(before), Some(after)) if before != after => "modify",
                _ => continue,
            };
            let why = format!("Forbidden: updates may not {what} a condition of type \"{kind}\"");
            return refuse("status.conditions", &why);
        }
    }
    // S-CSR-8.
    for condition in &mut after {
        let kept = find(&before, text(condition, "type"))
            .filter(|before| before["status"] == condition["status"])
            .map(|before| before["lastTransitionTime"].clone());
        if condition["lastUpdateTime"].is_null() {
            condition["lastUpdateTime"] = now().into();
        }
        if condition["lastTransitionTime"].is_null() {
            condition["lastTransitionTime"] = kept.unwrap_or_else(|| now().into());
        }
    }
    if !after.is_empty() {
        new["status"]["conditions"] = after.into();
    }
    if new["status"]["conditions"].is_null()
        && let Some(status) = new["status"].as_object_mut()
    {
        status.remove("conditions");
    }
    Ok(new)
}

fn conditions(value: &Value) -> Vec<Value> {
    value["status"]["conditions"].as_array().cloned().unwrap_or_default()
}

fn text<'a>(condition: &'a Value, field: &str) -> &'a str {
    condition[field].as_str().unwrap_or_default()
}

/// S-CSR-7. Base64 of PEM blocks.
fn is_certificates(value: &Value) -> bool {
    use base64::Engine as _;

    let decoded =
        value.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    let Some(blocks) = decoded.and_then(|bytes| pem::parse_many(bytes).ok()) else {
        return false;
    };
    let is_certificate =
        |block: &pem::Pem| block.tag() == "CERTIFICATE" && block.headers().iter().next().is_none();
    !blocks.is_empty() && blocks.iter().all(is_certificate)
}

//! Why not: the reasons of the API server, to the letter (S-NODE-2, S-NODE-4, §4.2).

use crate::model::Request;
use crate::util::goquote::Quoted;

/// Why a node may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// No check of its own, and no rule of ClusterRole `system:node`: without a reason.
    NoRule,
    /// The user is a node without a name.
    UnknownNode,
    /// The object must be named.
    NoName,
    /// No way leads from the object to the node.
    Unrelated,
    OnlyRead,
    ReadSubresource,
    OnlyNamespaced,
    OnlyStatus,
    OnlyGet,
    GetSubresource,
    ServiceAccounts,
    OnlyTokens,
    OnlyTokenSubresource,
    LeaseVerb,
    LeaseNamespace,
    LeaseName,
    CsiNodeVerb,
    CsiNodeSubresource,
    CsiNodeName,
    SliceSubresource,
    SliceSelector,
    SliceVerb,
    AllNodes,
    OtherNode,
    PodSelector,
    CertificateSubresource,
    CertificateSelector,
    CertificateVerb,
}

impl Cause {
    /// The reason, for those that are the same text every time.
    pub(super) const fn fixed(self) -> Option<&'static str> {
        Some(match self {
            Self::NoRule => "",
            Self::NoName => "No Object name found",
            Self::OnlyRead => "can only read resources of this type",
            Self::ReadSubresource => "cannot read subresource",
            Self::OnlyNamespaced => "can only read namespaced object of this type",
            Self::OnlyStatus => "can only get/update/patch this type",
            Self::OnlyGet => "can only get individual resources of this type",
            Self::GetSubresource => "cannot get subresource",
            Self::ServiceAccounts => "not allowed to get service accounts",
            Self::OnlyTokens => "can only create tokens for individual service accounts",
            Self::OnlyTokenSubresource => "can only create token subresource of serviceaccount",
            Self::LeaseVerb => "can only get, create, update, patch, or delete a node lease",
            Self::LeaseNamespace => {
                "can only access leases in the \"kube-node-lease\" system namespace"
            }
            Self::LeaseName => {
                "can only access node lease with the same name as the requesting node"
            }
            Self::CsiNodeVerb => "can only get, create, update, patch, or delete a CSINode",
            Self::CsiNodeSubresource => "cannot authorize CSINode subresources",
            Self::CsiNodeName => {
                "can only access CSINode with the same name as the requesting node"
            }
            Self::SliceSubresource => "cannot authorize ResourceSlice subresources",
            Self::SliceSelector => {
                "can only list/watch/deletecollection resourceslices with nodeName field selector"
            }
            Self::SliceVerb => {
                "only the following verbs are allowed for a ResourceSlice: \
                 get, watch, list, create, update, patch, delete, deletecollection"
            }
            Self::PodSelector => "can only list/watch pods with spec.nodeName field selector",
            Self::CertificateSubresource => {
                "nodes may not access the status subresource of PodCertificateRequests"
            }
            Self::CertificateSelector => {
                "can only list/watch podcertificaterequests with nodeName field selector"
            }
            Self::UnknownNode
            | Self::Unrelated
            | Self::AllNodes
            | Self::OtherNode
            | Self::CertificateVerb => return None,
        })
    }

    /// The reason of a refusal to `node`.
    pub(super) fn text(self, request: &Request<'_>, node: &str) -> String {
        match self {
            Self::UnknownNode => format!("unknown node for user {}", Quoted(&request.user.name)),
            Self::Unrelated => {
                format!("no relationship found between node '{node}' and this object")
            }
            Self::AllNodes => {
                format!("node '{node}' cannot read all nodes, only its own Node object")
            }
            Self::OtherNode => {
                let name = request.attributes.name();
                format!("node '{node}' cannot read '{name}', only its own Node object")
            }
            Self::CertificateVerb => {
                format!("nodes may not {} podcertificaterequests", request.attributes.verb())
            }
            fixed => fixed.fixed().unwrap_or_default().to_owned(),
        }
    }
}

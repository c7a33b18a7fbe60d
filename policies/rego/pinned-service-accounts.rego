# Service accounts stay in their namespace: whatever is bound to them, they are denied what lies outside.
#
# Paths (/api, /openapi), and asking who or what they are, is open to everybody. Those of kube-system, and
# those that data.pinned.exceptions names as NAMESPACE/NAME, work everywhere.
#
# Ask this before RBAC: what RBAC allows first, nobody denies.
package portcullis.authz

deny contains message if {
	home := input.serviceAccount.namespace
	asked := object.get(input.resourceAttributes, "namespace", "")
	asked != home
	not is_about_itself
	not is_exempt
	message := sprintf("service accounts of namespace %s stay there", [home])
}

is_about_itself if {
	input.resourceAttributes.group in {"authentication.k8s.io", "authorization.k8s.io"}
	startswith(input.resourceAttributes.resource, "self")
}

is_exempt if input.serviceAccount.namespace == "kube-system"

is_exempt if {
	name := sprintf("%s/%s", [input.serviceAccount.namespace, input.serviceAccount.name])
	name in data.pinned.exceptions
}

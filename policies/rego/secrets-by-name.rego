# Secrets are read one by one, by their names: nobody lists, watches or deletes all of a namespace.
#
# A list or watch of one object, as kubelets do with a field selector on its name, has a name and passes. So do
# the users and groups of data.secrets_by_name.
#
# Ask this before RBAC: what RBAC allows first, nobody denies.
package portcullis.authz

deny contains "secrets are asked for by name only" if {
	input.resourceAttributes.resource == "secrets"
	not input.resourceAttributes.group
	input.resourceAttributes.verb in {"list", "watch", "deletecollection"}
	not input.resourceAttributes.name
	not is_exempt
}

is_exempt if input.user in data.secrets_by_name.users

is_exempt if {
	some group in input.groups
	group in data.secrets_by_name.groups
}

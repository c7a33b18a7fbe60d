# Groups may use the objects whose names begin as theirs do.
#
# RBAC knows single names only. Here a grant of data.name_prefix.grants names a prefix: see
# name-prefix.data.yaml. A request without a name (list, watch, create, deletecollection) is never meant: it
# is about all names.
package portcullis.authz

allow contains message if {
	some grant in data.name_prefix.grants
	grant.group in input.groups
	asked := input.resourceAttributes
	asked.verb in grant.verbs
	asked.resource in grant.resources
	object.get(asked, "group", "") == object.get(grant, "apiGroup", "")
	object.get(asked, "subresource", "") == ""
	asked.namespace in grant.namespaces

	# An empty prefix would be every name.
	grant.prefix != ""
	startswith(asked.name, grant.prefix)
	message := sprintf("group %s may %s %s* in %s", [grant.group, asked.verb, grant.prefix, asked.namespace])
}

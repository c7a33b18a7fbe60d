# Each namespace belongs to the tenant that its label `tenant` names. Members of a tenant, those in the group
# `tenant:NAME`, work in the namespaces of their tenants, and are kept out of those of others, whoever else
# allows it.
#
# Ask this before RBAC: what RBAC allows first, nobody denies.
package portcullis.authz

tenants contains name if {
	some group in input.groups
	startswith(group, "tenant:")
	name := trim_prefix(group, "tenant:")
}

owner := input.namespace.labels.tenant

# What members do without asking. Roles and bindings are not among it.
allow contains message if {
	owner in tenants
	input.resourceAttributes.verb in {"get", "list", "watch", "create", "update", "patch", "delete"}
	object.get(input.resourceAttributes, "group", "") in {"", "apps", "batch", "autoscaling"}
	not input.resourceAttributes.resource in {"resourcequotas", "limitranges"}
	message := sprintf("namespace %s belongs to tenant %s", [input.namespace.name, owner])
}

deny contains message if {
	count(tenants) > 0
	owner != ""
	not owner in tenants
	message := sprintf("namespace %s belongs to tenant %s", [input.namespace.name, owner])
}

# Nothing is deleted in production outside of the change window.
#
# Production is every namespace with the label environment=production, and every namespace whose labels are
# not known. The window stands in data.change_window: see production-deletes.data.yaml; without it there is
# none, and nothing is ever deleted there. The controllers of Kubernetes delete whenever they must.
#
# Ask this before RBAC: what RBAC allows first, nobody denies.
package portcullis.authz

deny contains message if {
	input.resourceAttributes.verb in {"delete", "deletecollection"}
	is_production
	not is_controller
	not in_window
	message := sprintf(
		"deletions in namespace %s wait for the change window (it is %s)",
		[input.resourceAttributes.namespace, input.time.rfc3339],
	)
}

is_production if input.namespace.labels.environment == "production"

is_production if {
	input.namespace.name
	not input.namespace.labels
}

is_controller if input.serviceAccount.namespace == "kube-system"

is_controller if input.user in {"system:kube-controller-manager", "system:kube-scheduler"}

is_controller if input.node

in_window if {
	now := input.time.unix * 1000000000
	time.weekday(now) in data.change_window.days
	[hour, _, _] := time.clock(now)
	hour >= data.change_window.from_hour
	hour < data.change_window.until_hour
}

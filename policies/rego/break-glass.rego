# In an emergency named people may do everything, each until a given moment and for a given reason.
#
# Who, when and why stands in data.break_glass.grants: see break-glass.data.yaml. A grant that does not say
# when it ends, or says it in another form than RFC 3339, opens nothing.
package portcullis.authz

allow if some _ in open_grants

reason contains message if {
	some grant in open_grants
	message := sprintf("break-glass: %s, until %s", [grant.ticket, grant.until])
}

# Whoever enforces the decision is asked to tell the people on duty.
obligations := {"notify": "on-call", "tickets": [grant.ticket | some grant in open_grants]} if {
	some _ in open_grants
}

open_grants contains grant if {
	some grant in data.break_glass.grants
	grant.user == input.user
	"break-glass" in input.groups
	covers(grant)
	input.time.unix * 1000000000 >= time.parse_rfc3339_ns(grant.from)
	input.time.unix * 1000000000 < time.parse_rfc3339_ns(grant.until)
}

# A grant without namespaces is for the whole cluster.
covers(grant) if not grant.namespaces

covers(grant) if input.resourceAttributes.namespace in grant.namespaces

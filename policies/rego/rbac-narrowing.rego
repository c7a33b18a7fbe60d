# Contractors have what RBAC gives them, but only in office hours, and never what gives them more.
#
# RBAC itself is asked, by portcullis.rbac.allowed: so only what it would allow is denied, with a reason, and
# the rest goes on to RBAC's own refusal.
#
# Ask this before RBAC: what RBAC allows first, nobody denies.
package portcullis.authz

is_contractor if "contractors" in input.groups

deny contains "contractors work from 8 to 18 UTC, Monday to Friday" if {
	is_contractor
	not in_office_hours
	portcullis.rbac.allowed(input)
}

deny contains "contractors do not act for others or give away rights" if {
	is_contractor
	input.resourceAttributes.verb in {"impersonate", "bind", "escalate"}
	portcullis.rbac.allowed(input)
}

in_office_hours if {
	now := input.time.unix * 1000000000
	not time.weekday(now) in {"Saturday", "Sunday"}
	[hour, _, _] := time.clock(now)
	hour >= 8
	hour < 18
}

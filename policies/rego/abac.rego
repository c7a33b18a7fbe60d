# ABAC, the older authorizer of the API server, as a policy: it reads the lines of a policy file from
# data.abac.lines and answers as the API server does. A place to start from when such a file has to be left.
package portcullis.authz

allow if {
	some line in data.abac.lines
	subject_fits(line.spec)
	verb_fits(line.spec)
	what_fits(line.spec)
}

# Whatever is named must fit, and something must be named.
subject_fits(spec) if {
	named := [field | some field in ["user", "group"]; object.get(spec, field, "") != ""]
	count(named) > 0
	every field in named {
		names_us(field, spec[field])
	}
}

names_us(_, "*") := true

names_us("user", name) if name == input.user

names_us("group", name) if name in input.groups

verb_fits(spec) if not is_readonly(spec)

verb_fits(spec) if {
	is_readonly(spec)
	attributes.verb in {"get", "list", "watch"}
}

is_readonly(spec) if spec.readonly == true

attributes := input.resourceAttributes

attributes := input.nonResourceAttributes

what_fits(spec) if {
	asked := input.resourceAttributes
	every pair in [["namespace", "namespace"], ["resource", "resource"], ["apiGroup", "group"]] {
		text_fits(object.get(spec, pair[0], ""), object.get(asked, pair[1], ""))
	}
}

what_fits(spec) if {
	path := object.get(input.nonResourceAttributes, "path", "")
	path_fits(object.get(spec, "nonResourcePath", ""), path)
}

text_fits("*", _) := true

text_fits(pattern, text) if pattern == text

path_fits("*", _) := true

path_fits(pattern, path) if pattern == path

path_fits(pattern, path) if {
	endswith(pattern, "*")
	startswith(path, trim_right(pattern, "*"))
}

{{/*
What the operator may do where it looks after resources, one rule for each use. It has no access to Secrets but
those for Kafka that are named in kafka.secrets: pods mount what a program names. Deployments, Services and ConfigMaps it patches by server-side apply.
*/}}
{{- define "weir.operatorRules" -}}
# Reading what users write, and finalizers.
- apiGroups: [weir.dev]
  resources: [billingviews, enrichmentpipelines, patterns, routingrules, streamjobs]
  verbs: [get, list, watch, patch]
# The child of a pipeline.
- apiGroups: [weir.dev]
  resources: [streamjobs]
  verbs: [create, delete]
- apiGroups: [weir.dev]
  resources: [billingviews/status, enrichmentpipelines/status, patterns/status, routingrules/status, streamjobs/status]
  verbs: [update]
# Owner references that block a deletion, where admission asks for this right.
- apiGroups: [weir.dev]
  resources: [billingviews/finalizers, enrichmentpipelines/finalizers, patterns/finalizers, routingrules/finalizers, streamjobs/finalizers]
  verbs: [update]
# JobManagers and TaskManagers.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, create, patch, delete]
# The way to a revision.
- apiGroups: [""]
  resources: [services]
  verbs: [list, create, patch, delete]
# A revision's configuration, and what Flink's high availability leaves behind.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, create, patch, delete]
{{- with .Values.kafka.secrets }}
# Making topics and publishing rules on a Kafka that asks who is there.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{- toYaml . | nindent 4 }}
  verbs: [get]
{{- end }}
# Why a pod does not run; what a state job found.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
# State jobs: list, prune and clear what a StreamJob keeps.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, create, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

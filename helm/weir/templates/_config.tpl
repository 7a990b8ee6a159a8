{{/* Namespaces that get what pipelines need there, as a JSON list. */}}
{{- define "weir.preparedNamespaces" -}}
{{- .Values.namespaces.prepared | default .Values.namespaces.watched | default (list .Release.Namespace) | uniq | toJson -}}
{{- end -}}

{{/* The operator's ClusterConfig. */}}
{{- define "weir.clusterConfig" -}}
{{- $pod := .Values.runtime.pod -}}
{{- $env := $pod.env -}}
{{- with .Values.state.credentialsSecret -}}
{{- range $key := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" -}}
{{- $source := dict "secretKeyRef" (dict "name" $.Values.state.credentialsSecret "key" $key) -}}
{{- $env = append $env (dict "name" $key "valueFrom" $source) -}}
{{- end -}}
{{- end -}}
image: {{ include "weir.image" (dict "image" .Values.images.runtime "version" .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.images.runtime.pullPolicy }}
imagePullSecrets: {{ toJson .Values.images.pullSecrets }}
bootstrapServers: {{ required "kafka.bootstrapServers is needed: Kafka's address, as in kafka:9092" .Values.kafka.bootstrapServers | quote }}
serviceAccount: {{ .Values.runtime.serviceAccount.name }}
namespaces: {{ toJson .Values.namespaces.watched }}
state:
  {{- if .Values.state.uri }}
  uri: {{ .Values.state.uri | quote }}
  {{- else }}
  claim: {{ .Values.state.claim.name }}
  {{- end }}
jobManager:
  cpu: {{ .Values.runtime.jobManager.cpu | quote }}
  memory: {{ .Values.runtime.jobManager.memory }}
services:
  dispatcher:
    allowedNetworks: {{ toJson .Values.dispatcher.allowedNetworks }}
  prometheus_sender:
    allowedNetworks: {{ toJson .Values.prometheusSender.allowedNetworks }}
pod:
  labels: {{ toJson $pod.labels }}
  annotations: {{ toJson $pod.annotations }}
  nodeSelector: {{ toJson $pod.nodeSelector }}
  tolerations: {{ toJson $pod.tolerations }}
  env: {{ toJson $env }}
  priorityClassName: {{ if $pod.priorityClassName }}{{ quote $pod.priorityClassName }}{{ else }}null{{ end }}
  runAsUser: {{ int64 $pod.runAsUser }}
{{- end -}}

{{/* haltline.labels are the labels that Helm adds to each object. */}}
{{- define "haltline.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* haltline.image is the image of the operator. */}}
{{- define "haltline.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* haltline.servesMetrics is not empty if the operator serves metrics. To check who reads them takes rights of the whole cluster. */}}
{{- define "haltline.servesMetrics" -}}
{{- if and .Values.metrics.enabled (not .Values.namespaces) }}true{{ end }}
{{- end }}

{{/* haltline.monitored is not empty if Prometheus and Grafana are to watch the operator. */}}
{{- define "haltline.monitored" -}}
{{- if .Values.monitoring.enabled }}
{{- if not (include "haltline.servesMetrics" .) }}
{{- fail "monitoring.enabled needs metrics: set metrics.enabled, and leave namespaces empty, since an operator for some namespaces serves none" }}
{{- end }}true
{{- end }}
{{- end }}

{{/* haltline.stampsByPolicy is not empty if MutatingAdmissionPolicies stamp who created an object. */}}
{{- define "haltline.stampsByPolicy" -}}
{{- $isServed := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}
{{- if or (eq .Values.admission "policy") (and (eq .Values.admission "auto") $isServed) }}true{{ end }}
{{- end }}

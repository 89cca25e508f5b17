{{- /* What several manifests share. `component` is worker, serving, topics or encoder-refresh. */ -}}

{{- define "slatestream.labels" -}}
app.kubernetes.io/name: slatestream
app.kubernetes.io/component: {{ . }}
{{- end }}

{{- define "slatestream.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- if .Values.tls.enabled -}}
{{- $_ := set $settings "KAFKA_SECURITY_PROTOCOL" (ternary "SASL_SSL" "SSL" (or .Values.scram.enabled (hasKey $settings "KAFKA_SASL_MECHANISM"))) -}}
{{- $_ := set $settings "KAFKA_SSL_CAFILE" "/etc/kafka/ca/ca.crt" -}}
{{- end -}}
{{- if .Values.scram.enabled -}}
{{- $_ := set $settings "KAFKA_SASL_MECHANISM" "SCRAM-SHA-512" -}}
{{- end -}}
{{- if .Values.mtls.enabled -}}
{{- $_ := set $settings "KAFKA_SSL_CERTFILE" (printf "/etc/kafka/client/%s.crt" (include "slatestream.keys" .)) -}}
{{- $_ := set $settings "KAFKA_SSL_KEYFILE" (printf "/etc/kafka/client/%s.key" (include "slatestream.keys" .)) -}}
{{- end -}}
{{- if .Values.strimzi.enabled -}}
{{- $_ := set $settings "KAFKA_BOOTSTRAP_SERVERS" "kafka-kafka-bootstrap:9093" -}}
{{- end -}}
{{- range $name, $value := $settings }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{- /* What a Secret of a client calls its files: `tls` of cert-manager, `user` of Strimzi. */ -}}
{{- define "slatestream.keys" -}}
{{- ternary "user" "tls" .Values.strimzi.enabled -}}
{{- end }}

{{- /* Hashes at the end: a changed setting or policy rolls the pods, and is another topics job. */ -}}
{{- define "slatestream.settingsName" -}}
slatestream-settings-{{ include "slatestream.settings" . | sha256sum | trunc 10 }}
{{- end }}

{{- define "slatestream.policy" -}}
{{- .Values.policy | default (.Files.Get "files/policy.toml") -}}
{{- end }}

{{- define "slatestream.policyName" -}}
slatestream-policy-{{ include "slatestream.policy" . | sha256sum | trunc 10 }}
{{- end }}

{{- define "slatestream.image" -}}
{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "slatestream.podSecurity" -}}
automountServiceAccountToken: false
# The Service `slatestream` would put SLATESTREAM_SERVICE_HOST and the like into the environment, and unknown
# SLATESTREAM_ names are an error.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "slatestream.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
{{- end }}

{{- define "slatestream.envFrom" -}}
envFrom:
  - configMapRef:
      name: {{ include "slatestream.settingsName" . }}
  - secretRef:
      name: {{ .Values.credentials }}
      optional: true
{{- end }}

{{- define "slatestream.kafkaMounts" -}}
{{- if .Values.tls.enabled }}
- name: kafka-ca
  mountPath: /etc/kafka/ca
  readOnly: true
{{- end }}
{{- if .Values.mtls.enabled }}
- name: kafka-client
  mountPath: /etc/kafka/client
  readOnly: true
{{- end }}
{{- end }}

{{- /* Of the role whose certificate it is: worker, serving, operator, encoder. */ -}}
{{- define "slatestream.kafkaVolumes" -}}
{{- if .root.Values.tls.enabled }}
- name: kafka-ca
  secret:
    secretName: {{ .root.Values.tls.secret }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- if .root.Values.mtls.enabled }}
- name: kafka-client
  secret:
    secretName: slatestream-{{ .role }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "slatestream.spread" -}}
{{- $hash := eq .component "serving" -}}
topologySpreadConstraints:
{{- if eq .spread "hard" }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: DoNotSchedule
    nodeTaintsPolicy: Honor
    {{- if $hash }}
    matchLabelKeys: ["pod-template-hash"]
    {{- end }}
    labelSelector:
      matchLabels:
        {{- include "slatestream.labels" .component | nindent 8 }}
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    {{- if $hash }}
    matchLabelKeys: ["pod-template-hash"]
    {{- end }}
    labelSelector:
      matchLabels:
        {{- include "slatestream.labels" .component | nindent 8 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "slatestream.labels" .component | nindent 8 }}
{{- end }}
{{- end }}

{{- define "slatestream.probes" -}}
startupProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: http
  periodSeconds: 2
  timeoutSeconds: 2
{{- end }}
